"""Notaries, bookings and the calendar in the admin; states move by actions, never by a field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline

from bookings import links
from bookings.actions.cancel_booking import cancel_booking
from bookings.actions.complete_booking import complete_booking
from bookings.actions.mark_no_show import mark_no_show
from bookings.actions.start_booking import start_booking
from bookings.events import NotaryCalendarChanged
from bookings.models import (
    Blackout,
    Booking,
    BusyBlock,
    Notary,
    NotaryDayOff,
    NotaryHours,
    SlotClaim,
    TimelineEvent,
)
from bookings.models.notary import new_feed_secret
from bookings.notary_form import NotaryForm
from hmnp.accounts.principals import Kind, Principal, user_agent
from hmnp.core.client_address import client_ip
from hmnp.core.errors import DomainError
from hmnp.core.events import emit


class ReadOnlyMixin:
    """Rows that only the system writes."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes."""
        return False


class NotaryHoursInline(TabularInline[NotaryHours, Notary]):
    model = NotaryHours
    extra = 0


class NotaryDayOffInline(TabularInline[NotaryDayOff, Notary]):
    model = NotaryDayOff
    extra = 0


@admin.register(Notary)
class NotaryAdmin(ModelAdmin[Notary]):
    form = NotaryForm
    list_display = ["name", "email", "home_zip", "daily_capacity", "calendar_kind", "is_active"]
    list_filter = ["is_active", "calendar_kind", "skills"]
    search_fields = ["name", "email"]
    filter_horizontal = ["skills"]
    readonly_fields = ["has_calendar_password", "feed_address"]
    inlines = [NotaryHoursInline, NotaryDayOffInline]
    actions = ["renew_feed"]

    def save_model(self, request: HttpRequest, obj: Notary, form: NotaryForm, change: Any) -> None:
        """Save, and state that the calendar is another one now."""
        super().save_model(request, obj, form, change)
        if change and any(name.startswith("calendar_") for name in form.changed_data):
            emit(NotaryCalendarChanged(notary_id=obj.pk))

    @admin.display(boolean=True, description="Calendar password is set")
    def has_calendar_password(self, notary: Notary) -> bool:
        """Tell that there is a password, never what it is."""
        return bool(notary.calendar_password_sealed)

    @admin.display(description="Calendar feed (secret: for this notary only)")
    def feed_address(self, notary: Notary) -> str:
        """Show the address a notary's own calendar may subscribe to."""
        return links.feed_url(notary=notary) if notary.pk else "given once saved"

    @admin.action(description="Renew the calendar feed's address", permissions=["change"])
    def renew_feed(self, request: HttpRequest, queryset: QuerySet[Notary]) -> None:
        """Give each a new secret; the old addresses find nothing any more."""
        for notary in queryset:
            notary.feed_secret = new_feed_secret()
            notary.save(update_fields=["feed_secret"])
        self.message_user(request, "The old addresses stop working now.", messages.SUCCESS)


@admin.register(Blackout)
class BlackoutAdmin(ModelAdmin[Blackout]):
    list_display = ["first_day", "last_day", "service", "reason"]
    list_select_related = ["service"]


@admin.register(BusyBlock)
class BusyBlockAdmin(ReadOnlyMixin, ModelAdmin[BusyBlock]):
    list_display = ["notary", "period", "source"]
    list_select_related = ["notary"]


@admin.register(SlotClaim)
class SlotClaimAdmin(ReadOnlyMixin, ModelAdmin[SlotClaim]):
    list_display = ["starts_at", "notary", "state", "place_zip", "expires_at", "booking"]
    list_filter = ["state", "notary"]
    list_select_related = ["notary", "booking"]
    ordering = ["-starts_at"]
    show_full_result_count = False


class TimelineInline(ReadOnlyMixin, TabularInline[TimelineEvent, Booking]):
    model = TimelineEvent
    extra = 0
    fields = ["at", "action", "actor_type", "actor_id", "changes", "metadata"]


Step = Callable[..., Booking]


@admin.register(Booking)
class BookingAdmin(ReadOnlyMixin, ModelAdmin[Booking]):
    list_display = [
        "reference",
        "status",
        "starts_at",
        "service",
        "notary",
        "customer_name",
        "price_cents",
        "amount_paid_cents",
    ]
    list_filter = ["status", "service", "notary"]
    list_select_related = ["service", "notary"]
    search_fields = ["reference", "customer_email", "customer_name"]
    ordering = ["-starts_at"]
    show_full_result_count = False
    # An address without a scheme means https; Django 5 asks to be told.
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    inlines = [TimelineInline]
    actions = ["start", "complete", "no_show", "cancel_by_us"]

    @admin.action(description="Start the appointment")
    def start(self, request: HttpRequest, queryset: QuerySet[Booking]) -> None:
        """Start each."""
        self._each(request, queryset, start_booking)

    @admin.action(description="Complete")
    def complete(self, request: HttpRequest, queryset: QuerySet[Booking]) -> None:
        """Complete each."""
        self._each(request, queryset, complete_booking)

    @admin.action(description="The customer was not there")
    def no_show(self, request: HttpRequest, queryset: QuerySet[Booking]) -> None:
        """Close each as a no-show."""
        self._each(request, queryset, mark_no_show)

    @admin.action(description="Cancel on our side (everything is paid back)")
    def cancel_by_us(self, request: HttpRequest, queryset: QuerySet[Booking]) -> None:
        """Cancel each with a full refund."""
        self._each(request, queryset, cancel_booking, reason="Cancelled by us", by_us=True)

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Booking], step: Step, **extra: Any
    ) -> None:
        actor = Principal(
            kind=Kind.STAFF,
            ip=client_ip(request),
            user_agent=user_agent(request),
            user=request.user if request.user.is_authenticated else None,
        ).actor
        for booking in queryset:
            try:
                step(booking_id=booking.pk, actor=actor, now=timezone.now(), **extra)
            except DomainError as error:
                self.message_user(request, f"{booking.reference}: {error.message}", messages.ERROR)
            else:
                self.message_user(request, f"{booking.reference}: done.", messages.SUCCESS)

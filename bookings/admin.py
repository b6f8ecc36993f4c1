"""Notaries and the calendar in the admin; bookings are in `booking_admin`."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from bookings import links
from bookings.admin_filters import NotaryFilter
from bookings.booking_admin import BookingAdmin as BookingAdmin
from bookings.events import NotaryCalendarChanged
from bookings.models import (
    Blackout,
    BusyBlock,
    Notary,
    NotaryDayOff,
    NotaryHours,
    SlotClaim,
)
from bookings.models.notary import new_feed_secret
from bookings.notary_form import NotaryForm
from hmnp.accounts.history import WithHistory
from hmnp.core.events import emit
from hmnp.core.long_list import LongList


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
class NotaryAdmin(WithHistory, ModelAdmin[Notary]):
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
class BusyBlockAdmin(ReadOnlyMixin, LongList, ModelAdmin[BusyBlock]):
    list_display = ["notary", "period", "source"]
    sortable_by = ()
    ordering = ["-pk"]
    list_select_related = ["notary"]


@admin.register(SlotClaim)
class SlotClaimAdmin(ReadOnlyMixin, LongList, ModelAdmin[SlotClaim]):
    list_display = ["held_at", "starts_at", "notary", "state", "place_zip", "expires_at", "booking"]
    list_filter = ["state", NotaryFilter]
    list_filter_submit = True
    list_select_related = ["notary", "booking"]
    sortable_by = ["held_at"]
    ordering = ["-held_at"]

"""The list of bookings in the admin: searched, narrowed, fast however many there are.

A booking's own page, and everything that is done to one, is the desk's.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from unfold.admin import ModelAdmin

from bookings import search
from bookings.admin_filters import (
    DaysFilter,
    NeedFilter,
    NotaryFilter,
    ServiceFilter,
    WhenFilter,
)
from bookings.models import Booking
from bookings.states import BookingStatus
from hmnp.core.long_list import LongList
from hmnp.core.money import show
from hmnp.core.pages import clock
from hmnp.core.paging import CAP
from hmnp.core.select_filter import SelectFilter

STATUS_WORDS = {
    BookingStatus.PENDING_PAYMENT: ("waits", "Waits for payment"),
    BookingStatus.CONFIRMED: ("good", "Confirmed"),
    BookingStatus.IN_PROGRESS: ("good", "Under way"),
    BookingStatus.COMPLETED: ("plain", "Done"),
    BookingStatus.NO_SHOW: ("bad", "Nobody there"),
    BookingStatus.CANCELLED: ("bad", "Cancelled"),
    BookingStatus.EXPIRED: ("plain", "Expired"),
}


# What the list's columns are drawn from.
_SHOWN = (
    *("reference", "status", "starts_at", "timezone", "customer_name", "city", "zip_code"),
    *("price_cents", "amount_paid_cents", "amount_refunded_cents", "service__name", "notary__name"),
)


class StatusFilter(SelectFilter, admin.SimpleListFilter):
    """By where a booking stands."""

    title = "status"
    parameter_name = "status__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer each in the words of the list."""
        return [(status.value, words) for status, (_, words) in STATUS_WORDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Booking]) -> QuerySet[Booking]:
        """Keep what stands so."""
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(Booking)
class BookingAdmin(LongList, ModelAdmin[Booking]):
    list_display = ["reference", "shown_status", "when", "what", "who", "place", "by", "owed"]
    list_filter = [
        WhenFilter,
        NeedFilter,
        StatusFilter,
        ServiceFilter,
        NotaryFilter,
        ("starts_at", DaysFilter),
    ]
    list_filter_submit = True
    list_select_related = ["service", "notary"]
    search_fields = ["reference"]
    search_help_text = "Reference, name, e-mail, or phone number (its last four digits will do)"
    ordering = ["-starts_at"]
    actions = None
    list_before_template = "desk/parts/bookings_tools.html"

    class Media:
        css = {"all": ["css/desk-day.css"]}  # noqa: RUF012 -- as Django asks for it

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds a row here; the desk books by phone."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits a row; states move by actions."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A booking is never deleted."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Booking]:
        """Read what the columns show and no more: a booking's snapshots are most of its row."""
        bookings: QuerySet[Booking] = super().get_queryset(request)
        return bookings.only(*_SHOWN)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Booking], search_term: str
    ) -> tuple[QuerySet[Booking], bool]:
        """Search by our own indexes; a phone number in any form."""
        if not search_term.strip():
            return queryset, False
        found = search.find(search_term, now=timezone.now())
        if len(found) == search.MOST:
            narrowed = search.condition(search_term) if queryset.query.where else None
            if narrowed is not None:
                where, values = narrowed
                return queryset.extra(where=[where], params=values), False  # noqa: S610 -- our own words
            self.message_user(
                request, f"Only the newest {search.MOST} that match are listed: say more."
            )
        return queryset.filter(pk__in=found), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Call the list by its name, and say how far it counts."""
        more = {"title": "Bookings", "cap": CAP, "filters": request.GET.urlencode()}
        return super().changelist_view(request, {**(extra_context or {}), **more})

    @admin.display(description="Status", ordering="status")
    def shown_status(self, booking: Booking) -> str:
        """Give the status in words and colour."""
        tone, words = STATUS_WORDS[BookingStatus(booking.status)]
        return format_html('<span class="tag {}">{}</span>', tone, words)

    @admin.display(description="When", ordering="starts_at")
    def when(self, booking: Booking) -> str:
        """Give the start as the business's clocks show it."""
        local = booking.starts_at.astimezone(booking.zone)
        return (
            f"{local:%a} {local.day} {local:%b %Y}, {clock(booking.starts_at, zone=booking.zone)}"
        )

    @admin.display(description="Service")
    def what(self, booking: Booking) -> str:
        """Name what was booked."""
        return booking.service.name

    @admin.display(description="Customer")
    def who(self, booking: Booking) -> str:
        """Name the customer."""
        return booking.customer_name

    @admin.display(description="Where")
    def place(self, booking: Booking) -> str:
        """Give city and ZIP."""
        return f"{booking.city} {booking.zip_code}".strip() or "Online"

    @admin.display(description="Notary")
    def by(self, booking: Booking) -> str:
        """Name who does it."""
        return booking.notary.name if booking.notary else "–"

    @admin.display(description="Left to pay")
    def owed(self, booking: Booking) -> str:
        """Give what is still to be paid of the price."""
        return f"{show(booking.balance_due_cents)} of {show(booking.price_cents)}"

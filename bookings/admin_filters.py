"""What staff narrow the list of bookings by, beside its own fields."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import RangeDateFilter

from bookings.models import Booking, SlotClaim
from bookings.states import LIVE_CLAIM_STATES, BookingStatus
from hmnp.core.times import local_date, midnight

_LIVE = [state.value for state in LIVE_CLAIM_STATES]
# Days from today: first, and the one after the last.
_SPANS = {
    "today": (0, 1),
    "tomorrow": (1, 2),
    "two_days": (0, 2),
    "next_7": (0, 7),
    "last_7": (-7, 0),
    "last_30": (-30, 0),
}


class WhenFilter(admin.SimpleListFilter):
    """By the business's calendar days."""

    title = "when"
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the days people ask for."""
        return [
            ("today", "Today"),
            ("tomorrow", "Tomorrow"),
            ("two_days", "Today and tomorrow"),
            ("next_7", "Next 7 days"),
            ("last_7", "Last 7 days"),
            ("last_30", "Last 30 days"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Booking]) -> QuerySet[Booking]:
        """Keep what starts in the span."""
        span = _SPANS.get(self.value() or "")
        if span is None:
            return queryset
        zone = ZoneInfo(settings.BUSINESS_TIME_ZONE)
        today = local_date(timezone.now(), zone=zone)
        first, after = (midnight(today + timedelta(days=days), zone=zone) for days in span)
        return queryset.filter(starts_at__gte=first, starts_at__lt=after)


class DaysFilter(RangeDateFilter):
    """From one calendar day of the business to another, both included."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Booking]) -> QuerySet[Booking]:
        """Keep what is within; a day that is none narrows nothing."""
        zone = ZoneInfo(settings.BUSINESS_TIME_ZONE)
        first = _day(self.used_parameters.get(f"{self.parameter_name}_from"))
        last = _day(self.used_parameters.get(f"{self.parameter_name}_to"))
        if first is not None:
            queryset = queryset.filter(starts_at__gte=midnight(first, zone=zone))
        if last is not None:
            end = midnight(last + timedelta(days=1), zone=zone)
            queryset = queryset.filter(starts_at__lt=end)
        return queryset


def _day(value: Any) -> date | None:
    try:
        found = date.fromisoformat(str(value))
    except ValueError:
        return None
    # The ends of the calendar have no midnight in every zone.
    return found if date(1, 1, 2) < found < date(9999, 12, 30) else None


class NeedFilter(admin.SimpleListFilter):
    """By what a booking lacks."""

    title = "needs"
    parameter_name = "need"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer what somebody has to see to."""
        return [
            ("unassigned", "A notary"),
            ("collect", "Money at the door"),
            ("refund", "A refund that is under way"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Booking]) -> QuerySet[Booking]:
        """Keep what lacks it."""
        match self.value():
            case "unassigned":
                live = SlotClaim.objects.filter(booking=OuterRef("pk"), state__in=_LIVE)
                return queryset.filter(
                    ~Exists(live),
                    status__in=[BookingStatus.CONFIRMED.value, BookingStatus.IN_PROGRESS.value],
                    ends_at__gt=timezone.now(),
                )
            case "collect":
                paid = F("amount_paid_cents") - F("amount_refunded_cents")
                return queryset.filter(
                    Q(price_cents__gt=paid),
                    status=BookingStatus.CONFIRMED.value,
                    partner__isnull=True,
                )
            case "refund":
                return queryset.filter(refund_status="PENDING")
            case _:
                return queryset

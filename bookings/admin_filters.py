"""What staff narrow the list of bookings by, beside its own fields."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin
from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import RangeDateFilter

from bookings.models import Booking, Notary, SlotClaim
from bookings.states import LIVE_CLAIM_STATES, BookingStatus
from hmnp.core.select_filter import SelectFilter
from hmnp.core.times import local_date, midnight
from services.models import Service

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


class WhenFilter(SelectFilter, admin.SimpleListFilter):
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


class NeedFilter(SelectFilter, admin.SimpleListFilter):
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
                    # What ends later began within a day; this an index knows.
                    starts_at__gt=timezone.now() - timedelta(days=1),
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


class _Pick(SelectFilter, admin.SimpleListFilter):
    """One of many rows of another table; all such filters read theirs together."""

    kind: ClassVar[str]
    field: ClassVar[str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer every row by name."""
        return _picks(request)[self.kind]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep what belongs to it; what is none of them narrows nothing."""
        value = self.value()
        if value not in {key for key, _ in self.lookup_choices}:
            return queryset
        return queryset.filter(**{self.field: value})


class ServiceFilter(_Pick):
    """By what was booked."""

    title = "service"
    parameter_name = "service__id__exact"
    kind, field = "service", "service_id"


class NotaryFilter(_Pick):
    """By who does it."""

    title = "notary"
    parameter_name = "notary__id__exact"
    kind, field = "notary", "notary_id"


def _picks(request: HttpRequest) -> dict[str, list[tuple[str, str]]]:
    """Give the rows to pick from by kind, in order of their names; one statement a request."""
    known: dict[str, list[tuple[str, str]]] | None = getattr(request, "_picks", None)
    if known is None:
        known = {"service": [], "notary": []}
        services, notaries = (
            model.objects.order_by().values_list(
                Value(kind), Cast("pk", CharField(max_length=40)), "name"
            )
            for kind, model in (("service", Service), ("notary", Notary))
        )
        for kind, key, name in services.union(notaries, all=True).order_by("name"):
            known[kind].append((key, name))
        request._picks = known  # type: ignore[attr-defined]  # ours
    return known

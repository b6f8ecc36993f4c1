"""What a partner owes for a month: one reading, for the desk, the file and the command.

A booking belongs to the month, in the business's time zone, in which it came to its end: was
completed, cancelled, or ended without the customer. The timeline says when, and nothing is ever
added to it in the past, so a month that is over keeps its bookings; what is paid later only makes
less of it due.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import F

from bookings.models import Booking
from bookings.states import BookingStatus, TimelineAction
from hmnp.accounts.models import Partner
from hmnp.core.times import local_date, midnight
from payments.ledger_sums import NOTHING, Sums, sums_of_bookings
from services.pricing import PriceLine, Pricing

NET_DAYS = 15
_ENDS = {
    BookingStatus.COMPLETED: TimelineAction.COMPLETED,
    BookingStatus.NO_SHOW: TimelineAction.NO_SHOW,
    BookingStatus.CANCELLED: TimelineAction.CANCELLED,
}
_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)


@dataclass(frozen=True, order=True)
class Month:
    """A month of the business's calendar."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `2027-03`. Raises `ValueError`."""
        if not (found := _MONTH.fullmatch(text)):
            raise ValueError(f"{text!r} is no month; write it as 2027-03.")
        year, month = int(found[1]), int(found[2])
        if not (2000 <= year <= 2200 and 1 <= month <= 12):
            raise ValueError(f"{text!r} is no month of ours.")
        return cls(year, month)

    @classmethod
    def of(cls, day: date) -> Self:
        """Give the month a day is in."""
        return cls(day.year, day.month)

    @property
    def first_day(self) -> date:
        """Its first day."""
        return date(self.year, self.month, 1)

    def next(self) -> Month:
        """Give the month after it."""
        return Month.of(self.first_day + timedelta(days=31))

    def previous(self) -> Month:
        """Give the month before it."""
        return Month.of(self.first_day - timedelta(days=1))

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"


@dataclass(frozen=True)
class StatementLine:
    """One booking of the month; cents. `paid_cents` is what we hold of it, by the books."""

    booking: Booking
    ended_at: datetime
    price_lines: tuple[PriceLine, ...]
    charge_cents: int
    paid_cents: int

    @property
    def due_cents(self) -> int:
        """What the partner owes for it."""
        return max(self.charge_cents - self.paid_cents, 0)


@dataclass(frozen=True)
class Statement:
    """A partner's month."""

    partner: Partner
    month: Month
    zone: ZoneInfo
    lines: tuple[StatementLine, ...]

    @property
    def charge_cents(self) -> int:
        """All charges of the month."""
        return sum(line.charge_cents for line in self.lines)

    @property
    def paid_cents(self) -> int:
        """What has been paid of them, by card, in cash or by check."""
        return sum(line.paid_cents for line in self.lines)

    @property
    def due_cents(self) -> int:
        """What is still owed."""
        return sum(line.due_cents for line in self.lines)

    @property
    def issued_on(self) -> date:
        """The day it is complete: the first of the next month."""
        return self.month.next().first_day

    @property
    def due_on(self) -> date:
        """The day it is to be paid by."""
        return self.issued_on + timedelta(days=NET_DAYS)

    def is_over(self, *, now: datetime) -> bool:
        """Tell whether the month is over, so that nothing will be added."""
        return now >= midnight(self.issued_on, zone=self.zone)


def business_zone() -> ZoneInfo:
    """Give the zone that months are counted in."""
    return ZoneInfo(settings.BUSINESS_TIME_ZONE)


def month_before(*, now: datetime) -> Month:
    """Give the last month that is over."""
    return Month.of(local_date(now, zone=business_zone())).previous()


def statement_of(*, partner: Partner, month: Month) -> Statement:
    """Read a partner's month, in the order its bookings ended; three statements."""
    zone = business_zone()
    begin, end = (midnight(first, zone=zone) for first in (month.first_day, month.next().first_day))
    bookings = list(
        Booking.objects.filter(
            partner=partner,
            status__in=_ENDS,
            timeline__action__in=_ENDS.values(),
            timeline__at__gte=begin,
            timeline__at__lt=end,
        )
        .annotate(ended_at=F("timeline__at"))
        .select_related("service")
        .order_by("ended_at", "reference")
    )
    paid = sums_of_bookings(booking_ids=[booking.pk for booking in bookings])
    lines = (_line(booking, paid.get(booking.pk, NOTHING)) for booking in bookings)
    return Statement(partner=partner, month=month, zone=zone, lines=tuple(_worth_telling(lines)))


def _line(booking: Booking, sums: Sums) -> StatementLine:
    is_done = booking.status == BookingStatus.COMPLETED
    return StatementLine(
        booking=booking,
        ended_at=booking.ended_at,  # type: ignore[attr-defined]  # annotated above
        price_lines=Pricing.from_snapshot(booking.pricing).lines if is_done else (),
        charge_cents=booking.price_cents if is_done else booking.cancel_kept_cents,
        paid_cents=sums.paid_cents - sums.refunded_cents,
    )


def _worth_telling(lines: Iterable[StatementLine]) -> Iterable[StatementLine]:
    """Leave out what ended without service and cost nothing."""
    return (line for line in lines if line.charge_cents or line.paid_cents or line.price_lines)

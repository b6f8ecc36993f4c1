"""The last hours, days or weeks, cut into the pieces that a chart shows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from hmnp.desk.metric_models import Grain
from hmnp.desk.metric_rollup import day_start, hour_of, local_date


@dataclass(frozen=True)
class Piece:
    """One piece of a span: what an axis calls it, and what a table does."""

    starts_at: datetime
    short: str
    long: str


@dataclass(frozen=True)
class Span:
    """What is looked at, oldest piece first; the last one is still going on."""

    code: str
    name: str
    piece_name: str
    grain: Grain
    pieces: Sequence[Piece]

    @property
    def starts_at(self) -> datetime:
        """When it begins."""
        return self.pieces[0].starts_at

    def place(self, moment: datetime) -> int:
        """Give which piece a moment is in."""
        return bisect_right([piece.starts_at for piece in self.pieces], moment) - 1


HOURS, DAYS, WEEKS = "hours", "days", "weeks"
CHOICES = {HOURS: "24 hours", DAYS: "14 days", WEEKS: "12 weeks"}


def span_of(*, code: str, now: datetime) -> Span:
    """Give the span people call by `code`; the hours for any other."""
    if code == DAYS:
        return Span(DAYS, CHOICES[DAYS], "day", Grain.DAY, _days(now))
    if code == WEEKS:
        return Span(WEEKS, CHOICES[WEEKS], "week", Grain.DAY, _weeks(now))
    return Span(HOURS, CHOICES[HOURS], "hour", Grain.HOUR, _hours(now))


def _hours(now: datetime) -> list[Piece]:
    pieces = []
    for back in range(23, -1, -1):
        at = hour_of(now) - timedelta(hours=back)
        local = at.astimezone(ZoneInfo(settings.BUSINESS_TIME_ZONE))
        clock = f"{local.hour % 12 or 12} {'am' if local.hour < 12 else 'pm'}"
        pieces.append(Piece(at, clock, f"{local:%A}, {clock}"))
    return pieces


def _days(now: datetime) -> list[Piece]:
    today = local_date(now)
    days = [today - timedelta(days=back) for back in range(13, -1, -1)]
    return [
        Piece(
            day_start(day).astimezone(UTC), f"{day.day} {day:%b}", f"{day:%A}, {day.day} {day:%B}"
        )
        for day in days
    ]


def _weeks(now: datetime) -> list[Piece]:
    monday = local_date(now) - timedelta(days=local_date(now).weekday())
    weeks = [monday - timedelta(weeks=back) for back in range(11, -1, -1)]
    return [
        Piece(
            day_start(day).astimezone(UTC), f"{day.day} {day:%b}", f"week of {day.day} {day:%B %Y}"
        )
        for day in weeks
    ]

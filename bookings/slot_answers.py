"""Free times that are only shown, a day at a time, from what is kept of the notaries' days.

What a day's kept days come to for one ZIP code is remembered by this process, under the same
versions: worked out again by each process, never asked of Redis.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.db import connection

from bookings import kept_days
from bookings.availability import free_starts
from bookings.kept_days import NEVER, SLOTS
from bookings.schedules import Schedules
from bookings.slots import Slot
from hmnp.core import cache, versions
from hmnp.core.bounded import Bounded
from hmnp.core.times import local_date, midnight, rfc3339
from services import areas, catalogue
from services.catalogue import Look
from services.definitions import ServiceDefinition

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Wish:
    """Whose free times, where, and on which local days, to be written in `zone`."""

    service: ServiceDefinition
    zip_code: str | None
    first_day: date
    days: int
    zone: ZoneInfo


@dataclass(frozen=True)
class DayAnswer:
    """One day's free times as JSON without its brackets.

    It stands until a hold ends, by the database's clock, and until a start comes inside the notice
    or the day within the horizon, by ours.
    """

    body: bytes
    next_expiry: float
    next_edge: float

    def stands(self, *, seen: Look, now: datetime) -> bool:
        """Tell whether neither clock has changed it since."""
        return seen.clock.timestamp() < self.next_expiry and now.timestamp() < self.next_edge


_remembered: Bounded[tuple[str, ...], DayAnswer] = Bounded(most=4096)


def look(*, first_day: date, days: int) -> Look:
    """Read the catalogue, and the versions behind the free times of local days in any zone."""
    return catalogue.look(names=_names(first_day, days))


@lru_cache(maxsize=1024)
def _names(first_day: date, days: int) -> tuple[str, ...]:
    # A day of one zone is touched by up to three of another's.
    days_near = (first_day + ahead * _DAY for ahead in range(-1, days + 1))
    return (versions.ROSTER, *map(versions.day_name, days_near))


def versions_of(*, wish: Wish, seen: Look) -> list[str]:
    """Give for each day what stands for the versions its answer is made from."""
    return [kept_days.version_of(service=wish.service, day=day, seen=seen) for day in _days(wish)]


def free_times(
    *, wish: Wish, seen: Look, day_versions: Sequence[str], now: datetime
) -> list[DayAnswer]:
    """Give each day's free times. Raises `UnknownZip` and `OutOfServiceArea`."""
    days = _days(wish)
    if connection.in_atomic_block:
        return _work_out(wish, days, seen, now)
    what = (wish.service.slug, wish.zip_code or "", wish.zone.key)
    names = [
        (*what, day.isoformat(), version) for day, version in zip(days, day_versions, strict=True)
    ]
    answers = [_remembered.get(name) for name in names]
    standing = [one if one and one.stands(seen=seen, now=now) else None for one in answers]
    missing = [index for index, one in enumerate(standing) if one is None]
    if len(missing) < len(days):
        cache.count_cache(family=SLOTS.name, is_hit=True, times=len(days) - len(missing))
    if missing:
        # Those between are not wanted, but a run of days is read as one.
        run = days[missing[0] : missing[-1] + 1]
        worked_out = dict(zip(run, _work_out(wish, run, seen, now), strict=True))
        for index in missing:
            standing[index] = _remembered[names[index]] = worked_out[days[index]]
    return [one for one in standing if one is not None]


def free_slots_to_show(
    *, service: ServiceDefinition, zip_code: str | None, first_day: date, days: int, now: datetime
) -> list[Slot]:
    """Give what `bookings.slots.free_slots` gives, kept ones too: for pages."""
    wish = Wish(service, zip_code, first_day, days, service.timezone)
    seen = look(first_day=first_day, days=days)
    day_versions = versions_of(wish=wish, seen=seen)
    answers = free_times(wish=wish, seen=seen, day_versions=day_versions, now=now)
    slots = json.loads(b"[%s]" % b",".join(one.body for one in answers if one.body))
    return [
        Slot(
            starts_at=datetime.fromisoformat(slot["startTime"]),
            ends_at=datetime.fromisoformat(slot["endTime"]),
        )
        for slot in slots
    ]


def _days(wish: Wish) -> list[date]:
    return [wish.first_day + ahead * _DAY for ahead in range(wish.days)]


def _work_out(wish: Wish, days: Sequence[date], seen: Look, now: datetime) -> list[DayAnswer]:
    service = wish.service
    if service.area is not None and wish.zip_code:
        areas.check_served(area=service.area, zip_code=wish.zip_code)
    kept = kept_days.load(service=service, days=days, seen=seen)
    return [
        _answer(wish, day, loaded, expiry, now)
        for day, (loaded, expiry) in zip(days, kept, strict=True)
    ]


def _answer(wish: Wish, day: date, loaded: Schedules, expiry: float, now: datetime) -> DayAnswer:
    starts = list(
        free_starts(
            service=wish.service,
            schedules=loaded.notaries,
            blackouts=loaded.blackouts,
            zip_code=wish.zip_code,
            first_day=day,
            days=1,
            now=now,
        )
    )
    return DayAnswer(
        body=_write(starts, wish.service, wish.zone),
        next_expiry=expiry,
        next_edge=_next_edge(service=wish.service, day=day, starts=starts, now=now),
    )


def _next_edge(
    *, service: ServiceDefinition, day: date, starts: Sequence[datetime], now: datetime
) -> float:
    """Say when the first start comes inside the notice, or the day within the horizon."""
    if starts:
        return (starts[0] - timedelta(minutes=service.notice_minutes)).timestamp()
    if day > local_date(now, zone=service.timezone) + service.horizon_days * _DAY:
        return midnight(day - service.horizon_days * _DAY, zone=service.timezone).timestamp()
    return NEVER


def _write(starts: Sequence[datetime], service: ServiceDefinition, zone: ZoneInfo) -> bytes:
    length = timedelta(minutes=service.duration_minutes)
    return b",".join(
        b'{"startTime":"%s","endTime":"%s"}'
        % (rfc3339(start, zone=zone).encode(), rfc3339(start + length, zone=zone).encode())
        for start in starts
    )

"""A second opinion on calendars: naive, minute by minute, and sharing no code with the product."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from geopy.distance import geodesic

from services.travel import zip_point

HOUSTON = ZoneInfo("America/Chicago")

# Small, real, and apart from each other: Texas City, League City, Clear Lake, downtown, Pearland.
ZIPS = ("77591", "77573", "77058", "77002", "77581")


@dataclass
class PlainJob:
    """Work at a place; whole minutes."""

    start: datetime
    minutes: int
    wrap_up: int
    place: str


@dataclass
class PlainNotary:
    """One notary's world; `hours` are (weekday, opens, closes) in minutes of the day."""

    home: str
    hours: list[tuple[int, int, int]]
    capacity: int = 8
    days_off: list[tuple[date, date]] = field(default_factory=list)
    jobs: list[PlainJob] = field(default_factory=list)
    blocks: list[tuple[datetime, datetime]] = field(default_factory=list)


@dataclass
class PlainService:
    """What is asked for."""

    minutes: int
    wrap_up: int
    notice: int
    horizon: int
    hours: list[tuple[int, int, int]]
    grid: int = 30


def to_minute(instant: datetime) -> int:
    """Number the minutes since 1970."""
    seconds = int(instant.timestamp())
    assert seconds % 60 == 0
    return seconds // 60


def to_instant(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, tz=UTC)


@cache
def wall(minute: int) -> datetime:
    """What the clock on a wall in Houston shows."""
    return to_instant(minute).astimezone(HOUSTON)


@cache
def minutes_of_day(day: date) -> list[int]:
    """Every minute at which the calendar on that wall shows `day`, counted one by one."""
    noon = to_minute(datetime(day.year, day.month, day.day, 18, tzinfo=UTC))
    return [minute for minute in range(noon - 2000, noon + 2000) if wall(minute).date() == day]


@cache
def first_minute(day: date, minute_of_day: int) -> int:
    """The first minute of a day when the clock shows so late, or later."""
    for minute in minutes_of_day(day):
        shown = wall(minute)
        if shown.hour * 60 + shown.minute >= minute_of_day:
            return minute
    return minutes_of_day(day)[-1] + 1


@cache
def drive(a: str, b: str) -> int:
    """Minutes by road: miles as the crow flies, a third more, at 35 an hour, rounded up."""
    if a == b:
        return 0
    here, there = zip_point(zip_code=a), zip_point(zip_code=b)
    miles = float(geodesic((here.lat, here.lng), (there.lat, there.lng)).miles)
    return math.ceil(miles * 1.3 / 35 * 60)


def is_open(hours: Iterable[tuple[int, int, int]], minute: int) -> bool:
    day = wall(minute).date()
    return any(
        weekday == day.isoweekday()
        and first_minute(day, opens) <= minute < first_minute(day, closes)
        for weekday, opens, closes in hours
    )


def day_of(job: PlainJob) -> date:
    return job.start.astimezone(HOUSTON).date()


def inbound(job: PlainJob, previous: PlainJob | None, home: str) -> int:
    """The drive to a job starts at the last job of that day, else at home."""
    if previous is not None and day_of(previous) == day_of(job):
        return drive(previous.place, job.place)
    return drive(home, job.place)


def taken(job: PlainJob, previous: PlainJob | None, home: str) -> range:
    """Every minute a job takes: drive, work, wrap-up."""
    start = to_minute(job.start)
    return range(start - inbound(job, previous, home), start + job.minutes + job.wrap_up)


def in_order(jobs: Iterable[PlainJob]) -> Iterator[tuple[PlainJob | None, PlainJob]]:
    previous = None
    for job in sorted(jobs, key=lambda one: one.start):
        yield previous, job
        previous = job


def can_be_driven(home: str, jobs: list[PlainJob]) -> bool:
    """No minute is taken twice, and from every job one gets straight to the next in time."""
    seen: set[int] = set()
    for previous, job in in_order(jobs):
        minutes = set(taken(job, previous, home))
        if minutes & seen:
            return False
        seen |= minutes
        if previous is not None:
            free = to_minute(previous.start) + previous.minutes + previous.wrap_up
            if free + drive(previous.place, job.place) > to_minute(job.start):
                return False
    return True


def blocked_minutes(blocks: Iterable[tuple[datetime, datetime]]) -> set[int]:
    return {minute for start, end in blocks for minute in range(to_minute(start), to_minute(end))}


def driven_minutes(home: str, jobs: list[PlainJob]) -> set[int]:
    return {minute for previous, job in in_order(jobs) for minute in taken(job, previous, home)}


def can_take(notary: PlainNotary, job: PlainJob) -> bool:
    """Whether this notary could do this job as well."""
    working = range(to_minute(job.start), to_minute(job.start) + job.minutes)
    if not all(is_open(notary.hours, minute) for minute in working):
        return False
    days = {wall(minute).date() for minute in working}
    if any(first <= day <= last for first, last in notary.days_off for day in days):
        return False
    if sum(day_of(other) == day_of(job) for other in notary.jobs) >= notary.capacity:
        return False
    together = [*notary.jobs, job]
    if not can_be_driven(notary.home, together):
        return False
    # The new job may take no minute that is blocked; a neighbour's drive none that it did not.
    added = driven_minutes(notary.home, together) - driven_minutes(notary.home, notary.jobs)
    return not added & blocked_minutes(notary.blocks)


def is_offered(
    service: PlainService,
    start: datetime,
    now: datetime,
    blackouts: Iterable[tuple[date, date]] = (),
) -> bool:
    """Whether the service is offered at `start` at all."""
    minute = to_minute(start)
    working = range(minute, minute + service.minutes)
    today = now.astimezone(HOUSTON).date()
    day = wall(minute).date()
    days = {wall(one).date() for one in working}
    return (
        (minute - minutes_of_day(day)[0]) % service.grid == 0
        and start - now >= timedelta(minutes=service.notice)
        and (day - today).days <= service.horizon
        and all(is_open(service.hours, one) for one in working)
        and not any(first <= one <= last for first, last in blackouts for one in days)
    )


def free_starts(
    service: PlainService,
    notaries: Iterable[PlainNotary],
    place: str | None,
    days: Iterable[date],
    now: datetime,
    blackouts: Iterable[tuple[date, date]] = (),
) -> list[datetime]:
    """Every start of these days that some notary can take; remote work is done at home."""
    everyone = list(notaries)
    found = []
    for day in days:
        for minute in minutes_of_day(day):
            start = to_instant(minute)
            if not is_offered(service, start, now, blackouts):
                continue
            if any(
                can_take(
                    notary,
                    PlainJob(start, service.minutes, service.wrap_up, place or notary.home),
                )
                for notary in everyone
            ):
                found.append(start)
    return found

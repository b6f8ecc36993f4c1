"""How a job fits into a notary's days: one pure rule, used to offer times and to claim them.

A notary's day is a chain of jobs: the first drive starts at home, every further one where the
job before was. A job fits when the notary works then, both neighbours can still be driven, and
nothing outside is in the way. No Django, no clock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from bookings.travel_time import drive_minutes
from hmnp.core.times import at_minute, local_date, midnight
from services.definitions import Hours


@dataclass(frozen=True, slots=True)
class Job:
    """A live claim, or one that might become one. `starts_at`–`ends_at` is the service itself."""

    starts_at: datetime
    ends_at: datetime
    wrap_up: timedelta
    place_zip: str
    claim_id: UUID | None = None
    period_starts_at: datetime | None = None

    @property
    def free_at(self) -> datetime:
        """When the notary may drive on."""
        return self.ends_at + self.wrap_up


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch of time."""

    starts_at: datetime
    ends_at: datetime

    def overlaps(self, *, starts_at: datetime, ends_at: datetime) -> bool:
        """Tell whether the two stretches share an instant."""
        return self.starts_at < ends_at and starts_at < self.ends_at


@dataclass(frozen=True, slots=True)
class Days:
    """Whole local days, both ends included."""

    first_day: date
    last_day: date

    def contains(self, day: date) -> bool:
        """Tell whether `day` is one of them."""
        return self.first_day <= day <= self.last_day


@dataclass(frozen=True)
class NotarySchedule:
    """What one notary's days look like; `jobs` are sorted by start."""

    notary_id: int
    name: str
    home_zip: str
    daily_capacity: int
    hours: tuple[Hours, ...]
    days_off: tuple[Days, ...]
    jobs: tuple[Job, ...]
    blocks: tuple[Span, ...]


class Reason(StrEnum):
    """Why a notary cannot take a job."""

    OUTSIDE_HOURS = "OUTSIDE_HOURS"
    DAY_OFF = "DAY_OFF"
    HELD = "HELD"
    TRAVEL_IN = "TRAVEL_IN"
    TRAVEL_OUT = "TRAVEL_OUT"
    BUSY = "BUSY"
    CAPACITY = "CAPACITY"


# With one of these another notary's or day's fate is no help: it was never on offer.
NEVER_ON_OFFER = frozenset({Reason.OUTSIDE_HOURS, Reason.DAY_OFF})


@dataclass(frozen=True, slots=True)
class Fit:
    """How a job fits: its whole period, and the next job's drive, if that changes."""

    notary_id: int
    period_starts_at: datetime
    period_ends_at: datetime
    next_claim_id: UUID | None
    next_period_starts_at: datetime | None
    added_drive_minutes: int
    jobs_that_day: int


@lru_cache(maxsize=16_384)
def day_windows(
    hours: tuple[Hours, ...], day: date, zone: ZoneInfo
) -> tuple[tuple[datetime, datetime], ...]:
    """Give when a local day's windows open and close, in order."""
    return tuple(
        sorted(
            (
                at_minute(day, window.opens_minute, zone=zone),
                at_minute(day, window.closes_minute, zone=zone),
            )
            for window in hours
            if window.weekday == day.isoweekday()
        )
    )


def works_throughout(
    *, hours: tuple[Hours, ...], starts_at: datetime, ends_at: datetime, zone: ZoneInfo
) -> bool:
    """Tell whether the weekly windows cover the whole stretch, across midnight too."""
    cursor = starts_at
    while cursor < ends_at:
        closes = [
            closing
            for opening, closing in day_windows(hours, local_date(cursor, zone=zone), zone)
            if opening <= cursor < closing
        ]
        if not closes:
            return False
        cursor = max(closes)
    return True


def inbound_minutes(*, home_zip: str, previous: Job | None, job: Job, zone: ZoneInfo) -> int:
    """Give the minutes of the drive to `job`: from the job before it that day, else from home."""
    if previous is not None and _same_day(previous, job, zone):
        return drive_minutes(previous.place_zip, job.place_zip)
    return drive_minutes(home_zip, job.place_zip)


def _same_day(a: Job, b: Job, zone: ZoneInfo) -> bool:
    return local_date(a.starts_at, zone=zone) == local_date(b.starts_at, zone=zone)


def drivable(*, first: Job, second: Job, second_period_starts_at: datetime) -> bool:
    """Tell whether a notary can do both: leave in time for the second's drive, and drive straight.

    Past midnight the drive counts from home, yet the straight way must be possible too.
    """
    straight = timedelta(minutes=drive_minutes(first.place_zip, second.place_zip))
    return first.free_at <= second_period_starts_at and (
        first.free_at + straight <= second.starts_at
    )


def fit(*, schedule: NotarySchedule, job: Job, zone: ZoneInfo) -> Fit | Reason:
    """Say how `job` fits into the notary's days, or why it does not."""
    day = local_date(job.starts_at, zone=zone)
    if not works_throughout(
        hours=schedule.hours, starts_at=job.starts_at, ends_at=job.ends_at, zone=zone
    ):
        return Reason.OUTSIDE_HOURS
    last_day = local_date(job.ends_at - timedelta(microseconds=1), zone=zone)
    if any(off.contains(day) or off.contains(last_day) for off in schedule.days_off):
        return Reason.DAY_OFF

    jobs = schedule.jobs
    index = bisect_left(jobs, job.starts_at, key=lambda other: other.starts_at)
    previous = jobs[index - 1] if index else None
    following = jobs[index] if index < len(jobs) else None
    if previous is not None and previous.ends_at > job.starts_at:
        return Reason.HELD
    if following is not None and following.starts_at < job.ends_at:
        return Reason.HELD

    inbound = inbound_minutes(home_zip=schedule.home_zip, previous=previous, job=job, zone=zone)
    period_starts_at = job.starts_at - timedelta(minutes=inbound)
    if previous is not None and not drivable(
        first=previous, second=job, second_period_starts_at=period_starts_at
    ):
        return Reason.TRAVEL_IN

    next_period_starts_at: datetime | None = None
    outbound = 0
    if following is not None:
        onward = inbound_minutes(home_zip=schedule.home_zip, previous=job, job=following, zone=zone)
        next_period_starts_at = following.starts_at - timedelta(minutes=onward)
        if not drivable(first=job, second=following, second_period_starts_at=next_period_starts_at):
            return Reason.TRAVEL_OUT
        # A longer drive to the next job must not run through time that is taken outside. Counted,
        # not read: the stored one may still begin at a dead hold.
        before = inbound_minutes(
            home_zip=schedule.home_zip, previous=previous, job=following, zone=zone
        )
        if onward > before and _blocked(
            schedule.blocks,
            starts_at=next_period_starts_at,
            ends_at=following.starts_at - timedelta(minutes=before),
        ):
            return Reason.TRAVEL_OUT
        outbound = onward - before if _same_day(job, following, zone) else 0

    if _blocked(schedule.blocks, starts_at=period_starts_at, ends_at=job.free_at):
        return Reason.BUSY
    jobs_that_day = _before(jobs, day + timedelta(days=1), zone) - _before(jobs, day, zone)
    if jobs_that_day >= schedule.daily_capacity:
        return Reason.CAPACITY
    return Fit(
        notary_id=schedule.notary_id,
        period_starts_at=period_starts_at,
        period_ends_at=job.free_at,
        next_claim_id=following.claim_id if following else None,
        next_period_starts_at=next_period_starts_at,
        added_drive_minutes=inbound + outbound,
        jobs_that_day=jobs_that_day,
    )


def _before(jobs: Sequence[Job], day: date, zone: ZoneInfo) -> int:
    """Count the sorted jobs that begin before a local day does."""
    return bisect_left(jobs, midnight(day, zone=zone), key=lambda job: job.starts_at)


def _blocked(blocks: Iterable[Span], *, starts_at: datetime, ends_at: datetime) -> bool:
    return any(block.overlaps(starts_at=starts_at, ends_at=ends_at) for block in blocks)

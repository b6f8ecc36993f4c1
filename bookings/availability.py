"""When a service can be had: which starts are ever offered, and which notaries fit one.

No Django, no clock.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum

from bookings.chain import (
    Days,
    Fit,
    Job,
    NotarySchedule,
    Reason,
    day_windows,
    fit,
    works_throughout,
)
from hmnp.core.times import local_date, midnight
from services.definitions import ServiceDefinition


class Misfit(StrEnum):
    """Why a service is never offered at a time, whoever works."""

    OFF_GRID = "off_grid"
    INSIDE_NOTICE = "inside_notice"
    BEYOND_HORIZON = "beyond_horizon"
    OUTSIDE_HOURS = "outside_hours"
    BLACKOUT = "blackout"


def misfit(
    *,
    service: ServiceDefinition,
    starts_at: datetime,
    now: datetime,
    blackouts: Sequence[Days],
    waived: Collection[Misfit] = (),
) -> Misfit | None:
    """Say why the service is never offered at `starts_at`, or None when it may be.

    What staff `waived` does not count.
    """
    reasons = misfits(service=service, starts_at=starts_at, now=now, blackouts=blackouts)
    if not waived:
        return next(reasons, None)
    return next((reason for reason in reasons if reason not in waived), None)


def misfits(
    *,
    service: ServiceDefinition,
    starts_at: datetime,
    now: datetime,
    blackouts: Sequence[Days],
) -> Iterator[Misfit]:
    """Give every reason why the service is never offered at `starts_at`."""
    zone = service.timezone
    day = local_date(starts_at, zone=zone)
    ends_at = starts_at + timedelta(minutes=service.duration_minutes)
    since_midnight = starts_at - midnight(day, zone=zone)
    if since_midnight % timedelta(minutes=service.grid_minutes):
        yield Misfit.OFF_GRID
    if starts_at < now + timedelta(minutes=service.notice_minutes):
        yield Misfit.INSIDE_NOTICE
    if day > local_date(now, zone=zone) + timedelta(days=service.horizon_days):
        yield Misfit.BEYOND_HORIZON
    if not works_throughout(hours=service.hours, starts_at=starts_at, ends_at=ends_at, zone=zone):
        yield Misfit.OUTSIDE_HOURS
    last_day = local_date(ends_at - timedelta(microseconds=1), zone=zone)
    if any(blackout.contains(day) or blackout.contains(last_day) for blackout in blackouts):
        yield Misfit.BLACKOUT


def job_at(
    *,
    service: ServiceDefinition,
    schedule: NotarySchedule,
    starts_at: datetime,
    zip_code: str | None,
) -> Job:
    """Give the job this notary would have; remote work is done at the notary's home."""
    return Job(
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=service.duration_minutes),
        wrap_up=timedelta(minutes=service.wrap_up_minutes),
        place_zip=zip_code if service.is_mobile and zip_code else schedule.home_zip,
    )


def rank(
    *,
    service: ServiceDefinition,
    schedules: Iterable[NotarySchedule],
    starts_at: datetime,
    zip_code: str | None,
) -> tuple[list[Fit], list[Reason]]:
    """Give who could take the job, least added driving first, and why the others cannot.

    Who is as good as another comes in an order that is another for each start: customers who book
    at the same moment would all wait for the same notary's calendar.
    """
    fits: list[Fit] = []
    reasons: list[Reason] = []
    for schedule in schedules:
        job = job_at(service=service, schedule=schedule, starts_at=starts_at, zip_code=zip_code)
        result = fit(schedule=schedule, job=job, zone=service.timezone)
        if isinstance(result, Fit):
            fits.append(result)
        else:
            reasons.append(result)
    fits.sort(
        key=lambda one: (
            one.added_drive_minutes,
            one.jobs_that_day,
            zlib.crc32(f"{starts_at.timestamp()} {one.notary_id}".encode()),
        )
    )
    return fits, reasons


def grid(*, first_day: date, days: int, service: ServiceDefinition) -> Iterator[datetime]:
    """Give every start of the grid on the local days asked for, in order, 23-hour days included."""
    cursor = midnight(first_day, zone=service.timezone)
    end = midnight(first_day + timedelta(days=days), zone=service.timezone)
    while cursor < end:
        yield cursor
        cursor += timedelta(minutes=service.grid_minutes)


def free_starts(
    *,
    service: ServiceDefinition,
    schedules: Sequence[NotarySchedule],
    blackouts: Sequence[Days],
    zip_code: str | None,
    first_day: date,
    days: int,
    now: datetime,
) -> Iterator[datetime]:
    """Give the starts at which some notary can take the job, in order."""

    def is_free(starts_at: datetime) -> bool:
        return any(
            isinstance(
                fit(
                    schedule=schedule,
                    job=job_at(
                        service=service, schedule=schedule, starts_at=starts_at, zip_code=zip_code
                    ),
                    zone=service.timezone,
                ),
                Fit,
            )
            for schedule in schedules
        )

    for day in (first_day + timedelta(days=ahead) for ahead in range(days)):
        windows = day_windows(service.hours, day, service.timezone)
        for starts_at in grid(first_day=day, days=1, service=service):
            # Half of a day is nobody's hours: not worth asking for every reason.
            if not any(opens_at <= starts_at < closes_at for opens_at, closes_at in windows):
                continue
            never = misfit(service=service, starts_at=starts_at, now=now, blackouts=blackouts)
            if never is None and is_free(starts_at):
                yield starts_at

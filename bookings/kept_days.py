"""Notaries' days that are only shown, kept by day and service: family `slots`, 15 minutes.

A day's key names the versions of all it was made from, read before the rows: the catalogue, the
roster, and the claims and busy times within reach of that day. In front of the value stands when
the first of its holds ends, by the database's clock: what the clock alone changes. Holds and
bookings never read this. No name of anybody is in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection

from bookings import schedules
from bookings.chain import Days, Job, NotarySchedule, Span
from bookings.schedules import Schedules
from hmnp.core import cache, versions
from hmnp.core.bounded import Bounded
from hmnp.core.cache import Family, fetch
from hmnp.core.times import midnight
from services.catalogue import Look
from services.definitions import Hours, ServiceDefinition

SLOTS = Family("slots", 15 * 60)

# Written for "no hold ends".
NEVER = 9_999_999_999.0

# What this process has read of them: a fortnight or more of each service.
_own: Bounded[str, tuple[Schedules, float]] = Bounded(most=64)


def version_of(*, service: ServiceDefinition, day: date, seen: Look) -> str:
    """Give what stands for the versions behind a local day of a service."""
    zone = service.timezone
    ends_at = midnight(day + timedelta(days=1), zone=zone)
    names = versions.day_names(starts_at=midnight(day, zone=zone), ends_at=ends_at)
    return versions.digest(seen.numbers, [versions.CATALOGUE, versions.ROSTER, *names])


def load(
    *, service: ServiceDefinition, days: Sequence[date], seen: Look
) -> list[tuple[Schedules, float]]:
    """Give what fills each of some consecutive days, and when the first hold in it ends.

    Their `clock` is of when this process first read them.
    """
    keys = [
        f"{day}:{service.slug}:{version_of(service=service, day=day, seen=seen)}" for day in days
    ]
    clock = seen.clock.timestamp()
    own = [_own[key] for key in keys if key in _own and clock < _own[key][1]]
    if len(own) == len(keys) and not connection.in_atomic_block:
        cache.count_cache(family=SLOTS.name, is_hit=True, times=len(keys))
        return own
    values = fetch(
        family=SLOTS,
        keys=keys,
        build=partial(_build, service, days),
        is_fresh=partial(_is_fresh, clock),
    )
    found = [_parse(value, seen) for value in values]
    if not connection.in_atomic_block:
        for key, one in zip(keys, found, strict=True):
            _own[key] = one
    return found


def _is_fresh(clock: float, value: bytes) -> bool:
    return clock < float(value.split(b"\n", 1)[0])


def _build(
    service: ServiceDefinition, days: Sequence[date], missing: Sequence[int]
) -> Mapping[int, tuple[bytes, float]]:
    first, last = days[missing[0]], days[missing[-1]]
    loaded = schedules.load(service=service, first_day=first, days=(last - first).days + 1)
    expiry = loaded.next_expiry.timestamp() if loaded.next_expiry else NEVER
    seconds = expiry - loaded.clock.timestamp()
    made = {}
    for index in missing:
        around = schedules.window(service=service, first_day=days[index], days=1)
        made[index] = b"%.6f\n%s" % (expiry, _write(loaded, *around)), seconds
    return made


def _write(loaded: Schedules, starts_from: datetime, starts_before: datetime) -> bytes:
    notaries = [
        [
            one.notary_id,
            one.home_zip,
            one.daily_capacity,
            [[hours.weekday, hours.opens_minute, hours.closes_minute] for hours in one.hours],
            [_days(off) for off in one.days_off],
            [
                [
                    job.starts_at.timestamp(),
                    job.ends_at.timestamp(),
                    job.wrap_up.total_seconds(),
                    job.place_zip,
                ]
                for job in one.jobs
                if starts_from <= job.starts_at < starts_before
            ],
            [
                [block.starts_at.timestamp(), block.ends_at.timestamp()]
                for block in one.blocks
                if block.overlaps(starts_at=starts_from, ends_at=starts_before)
            ],
        ]
        for one in loaded.notaries
    ]
    blackouts = [_days(blackout) for blackout in loaded.blackouts]
    return json.dumps([notaries, blackouts], separators=(",", ":")).encode()


def _days(days: Days) -> list[str]:
    return [days.first_day.isoformat(), days.last_day.isoformat()]


def _parse(value: bytes, seen: Look) -> tuple[Schedules, float]:
    head, body = value.split(b"\n", 1)
    notaries, blackouts = json.loads(body)
    loaded = Schedules(
        notaries=tuple(map(_notary, notaries)),
        blackouts=tuple(map(_parse_days, blackouts)),
        clock=seen.clock,
        next_expiry=None,
        catalogue_version=seen.catalogue.version,
    )
    return loaded, float(head)


def _notary(row: list[Any]) -> NotarySchedule:
    notary_id, home_zip, capacity, hours, days_off, jobs, blocks = row
    return NotarySchedule(
        notary_id=notary_id,
        name="",
        home_zip=home_zip,
        daily_capacity=capacity,
        hours=tuple(Hours(*window) for window in hours),
        days_off=tuple(map(_parse_days, days_off)),
        jobs=tuple(
            Job(
                starts_at=_instant(starts_at),
                ends_at=_instant(ends_at),
                wrap_up=timedelta(seconds=wrap_up),
                place_zip=place_zip,
            )
            for starts_at, ends_at, wrap_up, place_zip in jobs
        ),
        blocks=tuple(Span(_instant(starts_at), _instant(ends_at)) for starts_at, ends_at in blocks),
    )


def _parse_days(pair: list[str]) -> Days:
    return Days(first_day=date.fromisoformat(pair[0]), last_day=date.fromisoformat(pair[1]))


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)

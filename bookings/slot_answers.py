"""Free times that are only shown, kept by the day as they go out: family `slots`, 15 minutes.

A day's key names the versions of all it was made from, read before the rows: the catalogue, the
roster, and the claims of the days that can matter to it. What the clock alone changes is written
in front of the value: the next hold to end, the next start to come inside the notice, the day that
comes within the horizon. Holds and bookings never read this.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from bookings import schedules
from bookings.availability import free_starts
from bookings.slots import Slot
from hmnp.core import versions
from hmnp.core.cache import Family, fetch
from hmnp.core.times import local_date, midnight, rfc3339
from services import areas, catalogue
from services.catalogue import Look
from services.definitions import ServiceDefinition

SLOTS = Family("slots", 15 * 60)

_DAY = timedelta(days=1)
# Written for "nothing that the clock will change".
_NEVER = 9_999_999_999.0


@dataclass(frozen=True)
class Wish:
    """Whose free times, where, and on which local days, to be written in `zone`."""

    service: ServiceDefinition
    zip_code: str | None
    first_day: date
    days: int
    zone: ZoneInfo


def look(*, first_day: date, days: int) -> Look:
    """Read the catalogue, and the versions behind the free times of local days in any zone."""
    # A zone's day is touched by three days of another's, and so are both its neighbours.
    names = [versions.day_name(first_day + ahead * _DAY) for ahead in range(-2, days + 2)]
    return catalogue.look(names=[versions.ROSTER, *names])


def tag_of(*, wish: Wish, seen: Look) -> str:
    """Give what stands for the versions a wish's answer is made from."""
    last = wish.first_day + (wish.days - 1) * _DAY
    first_names, last_names = _names(wish.service, wish.first_day), _names(wish.service, last)
    names = [*first_names, *last_names] if wish.days > 1 else first_names
    if wish.days > 2:
        between = (wish.first_day + ahead * _DAY for ahead in range(1, wish.days - 1))
        names += [name for day in between for name in _names(wish.service, day)]
    return versions.digest(seen.numbers, names)


def free_times(*, wish: Wish, seen: Look, now: datetime) -> tuple[list[bytes], float]:
    """Give each day's free times as JSON, without the brackets, and when the clock ends that.

    Raises `UnknownZip` and `OutOfServiceArea`.
    """
    days = [wish.first_day + ahead * _DAY for ahead in range(wish.days)]
    values = fetch(
        family=SLOTS,
        keys=[_key(wish, day, seen) for day in days],
        build=partial(_build, wish, days, now),
        is_fresh=partial(_is_fresh, clock=seen.clock.timestamp(), now=now.timestamp()),
    )
    parts = [value.split(b"\n", 1) for value in values]
    return [body for _, body in parts], min(min(map(float, head.split())) for head, _ in parts)


def free_slots_to_show(
    *, service: ServiceDefinition, zip_code: str | None, first_day: date, days: int, now: datetime
) -> list[Slot]:
    """Give what `bookings.slots.free_slots` gives, kept ones too: for pages."""
    wish = Wish(service, zip_code, first_day, days, service.timezone)
    bodies, _ = free_times(wish=wish, seen=look(first_day=first_day, days=days), now=now)
    slots = json.loads(b"[%s]" % b",".join(body for body in bodies if body))
    return [
        Slot(
            starts_at=datetime.fromisoformat(slot["startTime"]),
            ends_at=datetime.fromisoformat(slot["endTime"]),
        )
        for slot in slots
    ]


def _key(wish: Wish, day: date, seen: Look) -> str:
    service = wish.service
    version = versions.digest(seen.numbers, _names(service, day))
    return f"{day}:{service.slug}:{wish.zip_code or '-'}:{wish.zone.key}:{version}"


def _names(service: ServiceDefinition, day: date) -> list[str]:
    starts_at, ends_at = schedules.window(service=service, first_day=day, days=1)
    return [
        versions.CATALOGUE,
        versions.ROSTER,
        *versions.day_names(starts_at=starts_at, ends_at=ends_at),
    ]


def _is_fresh(value: bytes, *, clock: float, now: float) -> bool:
    """Tell whether neither the database's clock nor ours has changed a value since."""
    expiry, edge = value.split(b"\n", 1)[0].split()
    return clock < float(expiry) and now < float(edge)


def _build(
    wish: Wish, days: Sequence[date], now: datetime, missing: Sequence[int]
) -> Mapping[int, tuple[bytes, float]]:
    service = wish.service
    if service.area is not None and wish.zip_code:
        areas.check_served(area=service.area, zip_code=wish.zip_code)
    first, last = days[missing[0]], days[missing[-1]]
    loaded = schedules.load(service=service, first_day=first, days=(last - first).days + 1)
    expiry = loaded.next_expiry.timestamp() if loaded.next_expiry else _NEVER
    until_expiry = expiry - loaded.clock.timestamp()
    made = {}
    for index in missing:
        starts = list(
            free_starts(
                service=service,
                schedules=loaded.notaries,
                blackouts=loaded.blackouts,
                zip_code=wish.zip_code,
                first_day=days[index],
                days=1,
                now=now,
            )
        )
        edge = _next_edge(service=service, day=days[index], starts=starts, now=now)
        value = b"%.6f %.6f\n%s" % (expiry, edge, _write(starts, service, wish.zone))
        made[index] = value, min(until_expiry, edge - now.timestamp())
    return made


def _next_edge(
    *, service: ServiceDefinition, day: date, starts: Sequence[datetime], now: datetime
) -> float:
    """Say when the first start comes inside the notice, or the day within the horizon."""
    if starts:
        return (starts[0] - timedelta(minutes=service.notice_minutes)).timestamp()
    if day > local_date(now, zone=service.timezone) + service.horizon_days * _DAY:
        return midnight(day - service.horizon_days * _DAY, zone=service.timezone).timestamp()
    return _NEVER


def _write(starts: Sequence[datetime], service: ServiceDefinition, zone: ZoneInfo) -> bytes:
    length = timedelta(minutes=service.duration_minutes)
    return b",".join(
        b'{"startTime":"%s","endTime":"%s"}'
        % (rfc3339(start, zone=zone).encode(), rfc3339(start + length, zone=zone).encode())
        for start in starts
    )

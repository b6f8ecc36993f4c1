"""A row of days and the times of one of them, as pages offer them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from bookings.slot_answers import free_slots_to_show
from bookings.slots import Slot, free_slots, next_slots
from hmnp.core.money import show
from hmnp.core.pages import appointment, clock
from hmnp.core.times import UnreadableTime, local_date, parse_instant
from services.definitions import ServiceDefinition

DAYS_SHOWN = 7
_NOON, _EVENING = 12, 17

Href = Callable[[date], str]


@dataclass(frozen=True)
class Option:
    """One time to choose; `full_label` is what a screen reader hears."""

    value: str
    element_id: str
    short_label: str
    full_label: str
    extra_label: str
    is_chosen: bool


@dataclass(frozen=True)
class Day:
    """One day of the row with how many times are free."""

    day: date
    weekday_rest: str
    href: str
    count: int
    is_chosen: bool


@dataclass(frozen=True)
class Link:
    """A time elsewhere, and where to choose it."""

    href: str
    label: str


@dataclass(frozen=True)
class Offer:
    """What is free in one week, and the times of the chosen day."""

    days: list[Day]
    chosen_day: date
    slots: list[Slot]
    earlier_href: str
    later_href: str
    next_free: Link | None


def offer(
    *,
    service: ServiceDefinition,
    zip_code: str | None,
    asked_day: date | None,
    now: datetime,
    href: Href,
    own_claim: UUID | None = None,
    without: datetime | None = None,
) -> Offer:
    """Give the week around `asked_day` (today without one) and that day's free times.

    Without a day asked for, the first day with a free time is chosen. `href(day)` is the address
    that shows a day; `own_claim` is the time already held or booked,
    `without` a start not to offer again. Raises `UnknownZip`.
    """
    zone = service.timezone
    today = local_date(now, zone=zone)
    last = today + timedelta(days=service.horizon_days)
    first = min(max(asked_day or today, today), last)
    # Weeks are counted from today, so that a day stays in its row when it is chosen.
    first -= timedelta(days=(first - today).days % DAYS_SHOWN)
    # What is kept counts everybody's claims; one's own stands in nobody's way but others'.
    find = free_slots_to_show if own_claim is None else partial(free_slots, own_claim=own_claim)
    slots = find(service=service, zip_code=zip_code, first_day=first, days=DAYS_SHOWN, now=now)
    by_day: dict[date, list[Slot]] = {first + timedelta(days=n): [] for n in range(DAYS_SHOWN)}
    for slot in slots:
        if slot.starts_at == without:
            continue
        by_day.setdefault(local_date(slot.starts_at, zone=zone), []).append(slot)
    fallback = next((day for day, free in by_day.items() if free), first)
    chosen = min(max(asked_day, today), last) if asked_day else fallback
    days = [
        Day(
            day=day,
            weekday_rest=f"{day:%A}"[3:],
            href=href(day),
            count=len(free),
            is_chosen=day == chosen,
        )
        for day, free in by_day.items()
        if day <= last
    ]
    earlier, later = first - timedelta(days=DAYS_SHOWN), first + timedelta(days=DAYS_SHOWN)
    return Offer(
        days=days,
        chosen_day=chosen,
        slots=by_day.get(chosen, []),
        earlier_href=href(earlier) if earlier >= today else "",
        later_href=href(later) if later <= last else "",
        next_free=(
            None
            if by_day.get(chosen)
            else _next_free(service=service, zip_code=zip_code, after=chosen, now=now, href=href)
        ),
    )


def _next_free(
    *,
    service: ServiceDefinition,
    zip_code: str | None,
    after: date,
    now: datetime,
    href: Href,
) -> Link | None:
    zone = service.timezone
    midnight = datetime.combine(after, datetime.min.time(), tzinfo=zone)
    found = next_slots(service=service, zip_code=zip_code, after=midnight, now=now, count=1)
    if not found:
        return None
    slot = found[0]
    return Link(
        href=href(local_date(slot.starts_at, zone=zone)),
        label=appointment(slot.starts_at, slot.ends_at, zone=zone),
    )


def groups(
    *,
    slots: list[Slot],
    zone: ZoneInfo,
    extra_cents: Mapping[datetime, int],
    chosen: datetime | None = None,
) -> list[tuple[str, list[Option]]]:
    """Put the times of a day under morning, afternoon and evening; empty parts are left out.

    `extra_cents` says what a start costs above the day's cheapest.
    """
    parts: dict[str, list[Option]] = {"Morning": [], "Afternoon": [], "Evening": []}
    for slot in slots:
        hour = slot.starts_at.astimezone(zone).hour
        name = "Morning" if hour < _NOON else "Afternoon" if hour < _EVENING else "Evening"
        extra = extra_cents.get(slot.starts_at, 0)
        parts[name].append(
            option(
                starts_at=slot.starts_at,
                ends_at=slot.ends_at,
                zone=zone,
                is_chosen=slot.starts_at == chosen,
                extra_label=f"+{show(extra).removesuffix('.00')}" if extra else "",
            )
        )
    return [(name, options) for name, options in parts.items() if options]


def option(
    *,
    starts_at: datetime,
    ends_at: datetime,
    zone: ZoneInfo,
    is_chosen: bool = False,
    extra_label: str = "",
) -> Option:
    """Give one time as something to choose."""
    local = starts_at.astimezone(zone)
    full = appointment(starts_at, ends_at, zone=zone)
    repeated = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return Option(
        value=local.isoformat(),
        element_id=f"time-{local:%Y%m%dT%H%M}{'b' if local.fold else ''}",
        short_label=f"{clock(starts_at, zone=zone)}{f' {local.tzname()}' if repeated else ''}",
        full_label=f"{full}, {extra_label[1:]} more" if extra_label else full,
        extra_label=extra_label,
        is_chosen=is_chosen,
    )


def alternatives(
    *, details: Mapping[str, Any], zone: ZoneInfo, chosen: datetime | None = None
) -> list[Option]:
    """Give the times an error's details name, as something to choose."""
    found = []
    for item in details.get("alternatives", ()):
        starts_at = datetime.fromisoformat(item["startTime"])
        ends_at = datetime.fromisoformat(item["endTime"])
        found.append(
            option(starts_at=starts_at, ends_at=ends_at, zone=zone, is_chosen=starts_at == chosen)
        )
    return found


def next_options(
    *,
    service: ServiceDefinition,
    zip_code: str | None,
    after: datetime,
    now: datetime,
    chosen: datetime | None = None,
) -> list[Option]:
    """Give the next three free times from `after` on, as something to choose."""
    zone = service.timezone
    return [
        option(
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            zone=zone,
            is_chosen=slot.starts_at == chosen,
        )
        for slot in next_slots(service=service, zip_code=zip_code, after=after, now=now)
    ]


def read_start(text: str, *, zone: ZoneInfo) -> datetime | None:
    """Read the value of an option sent back; None when it is not one."""
    try:
        return parse_instant(text, zone=zone)
    except UnreadableTime:
        return None


def read_day(text: str) -> date | None:
    """Read the day in an address; None when it is not one."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None

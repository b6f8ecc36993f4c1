"""What every page and mail words alike: days, times, spans, and how a form is sent once."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from zoneinfo import ZoneInfo

_ZONE_NAMES = {
    "America/New_York": "Eastern",
    "America/Chicago": "Central",
    "America/Denver": "Mountain",
    "America/Los_Angeles": "Pacific",
}


def clock(instant: datetime, *, zone: ZoneInfo) -> str:
    """Give the wall-clock time of `instant` in `zone` as people say it: `9:30 am`."""
    local = instant.astimezone(zone)
    return f"{local.hour % 12 or 12}:{local:%M} {'am' if local.hour < 12 else 'pm'}"


def long_day(day: date) -> str:
    """Give a date without its year: `Tuesday 1 December`."""
    return f"{day:%A} {day.day} {day:%B}"


def zone_name(instant: datetime, *, zone: ZoneInfo) -> str:
    """Give the zone as people name it (`Central`), else its abbreviation at `instant`."""
    return _ZONE_NAMES.get(zone.key) or instant.astimezone(zone).tzname() or zone.key


def times(starts_at: datetime, ends_at: datetime, *, zone: ZoneInfo) -> str:
    """Give `9:30 am to 10:30 am Central`.

    In the hour the clocks repeat the abbreviation (CDT, CST) says which of the two is meant.
    """
    name = zone_name(starts_at, zone=zone)
    if (
        starts_at.astimezone(zone).replace(fold=0).utcoffset()
        != starts_at.astimezone(zone).replace(fold=1).utcoffset()
    ):
        name = starts_at.astimezone(zone).tzname() or name
    return f"{clock(starts_at, zone=zone)} to {clock(ends_at, zone=zone)} {name}"


def appointment(
    starts_at: datetime, ends_at: datetime, *, zone: ZoneInfo, with_year: bool = False
) -> str:
    """Give `Tuesday 1 December, 9:30 am to 10:30 am Central`, with the year where it is kept."""
    day = starts_at.astimezone(zone).date()
    year = f" {day.year}" if with_year else ""
    return f"{long_day(day)}{year}, {times(starts_at, ends_at, zone=zone)}"


def length(minutes: int) -> str:
    """Give a length of time in words: `45 minutes`, `1 hour`, `24 hours`, `1 hour 30 minutes`."""
    hours, rest = divmod(minutes, 60)
    parts = [
        f"{count} {unit}{'' if count == 1 else 's'}"
        for count, unit in ((hours, "hour"), (rest, "minute"))
        if count
    ]
    return " ".join(parts) or "0 minutes"


def new_form_key() -> str:
    """Give the idempotency key of a form, made as its page is loaded."""
    return uuid.uuid4().hex

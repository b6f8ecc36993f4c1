"""A calendar object of a CalDAV server as time that is taken, one piece an occurrence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar, Event
from icalendar.error import InvalidCalendar

from hmnp.core.times import midnight
from integrations.caldav.client import Resource
from integrations.calendar_reading import Seen

# Every hour or more often for months is no appointment, and would fill the memory.
_TOO_OFTEN = ("SECONDLY", "MINUTELY", "HOURLY")


class NotACalendar(Exception):
    """The object cannot be read."""


def seen(
    *, resource: Resource, starts_at: datetime, ends_at: datetime, zone: ZoneInfo
) -> Iterator[Seen]:
    """Give an object's occurrences in a window; whole days and floating times are `zone`'s.

    An event that happens once has the object's name for an id, so that our own are known by it.
    Raises `NotACalendar`.
    """
    try:
        calendar = Calendar.from_ical(resource.data)
        is_recurring = _is_recurring(calendar)
        found = list(_occurrences(calendar, starts_at, ends_at))
        spans = [(event, *_span(event, zone)) for event in found]
    # Whatever a stranger's program wrote, in libraries of others: one object must not stop all.
    except (ArithmeticError, AttributeError, InvalidCalendar, LookupError, TypeError, ValueError):
        raise NotACalendar from None
    for event, begins, ends in spans:
        external_id = f"{resource.name}#{begins:%Y%m%dT%H%M%SZ}" if is_recurring else resource.name
        if str(event.get("STATUS", "")).upper() == "CANCELLED":
            continue
        yield Seen(
            external_id=external_id[-255:],
            starts_at=begins,
            ends_at=ends,
            is_busy=str(event.get("TRANSP", "OPAQUE")).upper() != "TRANSPARENT",
        )


def _occurrences(calendar: Any, starts_at: datetime, ends_at: datetime) -> Iterator[Event]:
    yield from recurring_ical_events.of(calendar, components=["VEVENT"]).between(starts_at, ends_at)


def _is_recurring(calendar: Any) -> bool:
    events = calendar.walk("VEVENT")
    if any(rule in str(event.get("RRULE", "")) for event in events for rule in _TOO_OFTEN):
        raise ValueError
    return len(events) > 1 or any("RRULE" in event or "RDATE" in event for event in events)


def _span(event: Event, zone: ZoneInfo) -> tuple[datetime, datetime]:
    return _instant(event.start, zone), _instant(event.end, zone)


def _instant(at: date | datetime, zone: ZoneInfo) -> datetime:
    if not isinstance(at, datetime):
        return midnight(at, zone=zone)
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def zone_of(*, timezone: str, default: ZoneInfo) -> ZoneInfo:
    """Read a calendar's own zone, else give the default."""
    try:
        for part in Calendar.from_ical(timezone).walk("VTIMEZONE"):
            return ZoneInfo(str(part["TZID"]))
    except (KeyError, ValueError, OSError):
        pass
    return default

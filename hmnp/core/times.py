"""Time at the edge: RFC 3339 with an offset in, UTC inside, the business zone for people."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

# RFC 3339 section 5.6; the offset is required, since a wall time alone names no instant.
_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2})"
)


class UnreadableTime(ValueError):
    """The text is not a time that names one instant; `code` says why."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def parse_instant(text: str, *, zone: ZoneInfo) -> datetime:
    """Give the UTC instant named by an RFC 3339 `text` with an offset.

    A wall time written with one of `zone`'s own offsets must exist in `zone`: 02:30 in the night
    the clocks go forward does not. Raises `UnreadableTime`.
    """
    if not _RFC3339.fullmatch(text):
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?", text):
            raise UnreadableTime("offset_required", "Give the time with an offset, like -06:00.")
        raise UnreadableTime("invalid", "Give an RFC 3339 time, like 2027-03-01T10:00:00-06:00.")
    try:
        written = datetime.fromisoformat(text.upper())
    except ValueError:
        raise UnreadableTime("invalid", "This date or time does not exist.") from None
    wall = written.replace(tzinfo=None)
    try:
        instant = written.astimezone(UTC)
        nearby = {
            (instant + timedelta(days=days)).astimezone(zone).utcoffset() for days in (-1, 0, 1)
        }
        exists = wall_exists(wall, zone=zone)
    except OverflowError:
        raise UnreadableTime("invalid", "This date is out of range.") from None
    if written.utcoffset() in nearby and not exists:
        raise UnreadableTime("nonexistent", "The clocks skip this time on that day.")
    return instant


def wall_exists(wall: datetime, *, zone: ZoneInfo) -> bool:
    """Tell whether the naive `wall` time occurs in `zone` (it does not in a spring-forward gap)."""
    there_and_back = wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    return there_and_back.replace(tzinfo=None) == wall


def local_date(instant: datetime, *, zone: ZoneInfo) -> date:
    """Give the calendar date of `instant` in `zone`."""
    return instant.astimezone(zone).date()


@lru_cache(maxsize=1024)
def midnight(day: date, *, zone: ZoneInfo) -> datetime:
    """Give the UTC instant at which `day` begins in `zone`."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def at_minute(day: date, minute: int, *, zone: ZoneInfo) -> datetime:
    """Give the UTC instant of wall-clock `minute` (0–1440) of `day` in `zone`."""
    if minute >= 1440:
        return midnight(day + timedelta(days=1), zone=zone)
    wall = datetime.combine(day, time(minute // 60, minute % 60), tzinfo=zone)
    return wall.astimezone(UTC)


def show_minute(minute: int) -> str:
    """Give a minute of the day as `HH:MM`; 1440 is `24:00`."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def rfc3339(instant: datetime, *, zone: ZoneInfo | None = None) -> str:
    """Write `instant` with an offset: `zone`'s, else UTC."""
    return instant.astimezone(zone or UTC).isoformat()

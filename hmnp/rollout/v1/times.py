"""V1's times: instants in UTC, and wall clocks that say −05:00 the whole year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

# V1 wrote Houston's wall clock with a fixed offset of the summer, or of the winter; whichever it
# wrote, the customer was told the wall clock.
_HOUSTONS = (timedelta(hours=-5), timedelta(hours=-6))
_FIRST_YEAR, _LAST_YEAR = 2015, 2100


def appointment_time(value: object, *, zone: ZoneInfo, naive_is_wall: bool = False) -> datetime:
    """Give the UTC instant of an appointment.

    A time with Houston's offset, right for its season or not, is the wall clock it shows. One
    without an offset is UTC, as Prisma keeps it, or the wall clock with `naive_is_wall`. Raises
    ValueError.
    """
    written = _read(value)
    offset = written.utcoffset()
    if offset in _HOUSTONS or (offset is None and naive_is_wall):
        return written.replace(tzinfo=zone).astimezone(UTC)
    return _instant(written)


def instant(value: object) -> datetime | None:
    """Give the UTC instant something was noted at, None when it is missing or makes no sense."""
    try:
        return _instant(_read(value))
    except ValueError:
        return None


def _instant(written: datetime) -> datetime:
    return (written if written.tzinfo else written.replace(tzinfo=UTC)).astimezone(UTC)


def _read(value: object) -> datetime:
    if isinstance(value, datetime):
        written = value
    elif isinstance(value, str) and value.strip():
        try:
            written = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError("no time one can read") from None
    else:
        raise ValueError("no time")
    if not _FIRST_YEAR <= written.year <= _LAST_YEAR:
        raise ValueError(f"a time in the year {written.year}")
    return written

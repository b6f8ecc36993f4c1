"""When a text may be sent: from 8 in the morning until 9 in the evening where the booking is."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

_OPENS = time(8)
_CLOSES = time(21)


def next_allowed(*, now: datetime, zone: ZoneInfo) -> datetime:
    """Give `now` outside the quiet hours, else the moment they end."""
    local = now.astimezone(zone)
    if _OPENS <= local.time() < _CLOSES:
        return now
    day = local.date() + timedelta(days=1 if local.time() >= _CLOSES else 0)
    return datetime.combine(day, _OPENS, tzinfo=zone)

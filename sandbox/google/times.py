"""Event times as Google reads and orders them: all-day dates, and instants with a zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.google.errors import Refused, invalid
from sandbox.wire import Json

_RULE = re.compile(r"RRULE:FREQ=(DAILY|WEEKLY);COUNT=(\d{1,3})")


def instant(value: str, *, name: str) -> datetime:
    """Read an RFC 3339 time with an offset; Google demands it of timeMin and timeMax."""
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Refused(400, "badRequest", "Bad Request", locationType="parameter", location=name)
    return found.astimezone(UTC)


def zone_of(name: str) -> ZoneInfo:
    """Return a zone; Google knows the IANA names."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise invalid("Invalid time zone definition for this event.") from error


def checked(value: Any, *, name: str, calendar_zone: str) -> Json:
    """Return a start or end as Google keeps it."""
    if not isinstance(value, dict) or set(value) - {"date", "dateTime", "timeZone"}:
        raise invalid(f"Invalid {name} time.")
    kept = {key: item for key, item in value.items() if item is not None}
    if ("date" in kept) == ("dateTime" in kept):
        raise invalid("Start and end times must either both be date or both be dateTime.")
    zone = zone_of(str(kept.get("timeZone", calendar_zone)))
    try:
        if "date" in kept:
            return {"date": date.fromisoformat(kept["date"]).isoformat()}
        at = datetime.fromisoformat(kept["dateTime"])
    except (TypeError, ValueError) as error:
        raise invalid(f"Invalid {name} time.") from error
    if at.tzinfo is None and "timeZone" not in kept:
        raise invalid(f"Missing time zone definition for {name} time.")
    local = at.replace(tzinfo=zone) if at.tzinfo is None else at.astimezone(zone)
    return {"dateTime": local.isoformat(), "timeZone": zone.key}


def span(event: Json, *, calendar_zone: str) -> tuple[datetime, datetime]:
    """Return the instants an event takes, half-open."""
    zone = zone_of(calendar_zone)
    return _instant(event["start"], zone), _instant(event["end"], zone)


def _instant(kept: Json, zone: ZoneInfo) -> datetime:
    if "date" in kept:
        return datetime.combine(date.fromisoformat(kept["date"]), time(), tzinfo=zone).astimezone(
            UTC
        )
    return datetime.fromisoformat(kept["dateTime"]).astimezone(UTC)


def check_recurrence(rules: Any) -> None:
    """Refuse what is not played."""
    if not isinstance(rules, list) or len(rules) != 1 or not _RULE.fullmatch(str(rules[0])):
        raise invalid("sandbox_not_played: one RRULE of DAILY or WEEKLY with a COUNT is.")


def instances(event: Json, *, calendar_zone: str) -> Iterator[Json]:
    """Expand a recurring event at the same time of the local day; a single one is its own."""
    if not event.get("recurrence"):
        yield event
        return
    found = _RULE.fullmatch(event["recurrence"][0])
    if found is None:
        return
    step = timedelta(days=1 if found[1] == "DAILY" else 7)
    for number in range(int(found[2])):
        moved = {key: _shifted(event[key], step * number) for key in ("start", "end")}
        begins, _ = span({**event, **moved}, calendar_zone=calendar_zone)
        stamp = f"{begins:%Y%m%d}" if "date" in moved["start"] else f"{begins:%Y%m%dT%H%M%SZ}"
        instance = {key: value for key, value in event.items() if key != "recurrence"}
        yield {
            **instance,
            **moved,
            "id": f"{event['id']}_{stamp}",
            "recurringEventId": event["id"],
            "originalStartTime": moved["start"],
        }


def _shifted(kept: Json, by: timedelta) -> Json:
    if "date" in kept:
        return {"date": (date.fromisoformat(kept["date"]) + by).isoformat()}
    zone = ZoneInfo(kept["timeZone"])
    wall = datetime.fromisoformat(kept["dateTime"]).astimezone(zone).replace(tzinfo=None) + by
    return {"dateTime": wall.replace(tzinfo=zone).isoformat(), "timeZone": zone.key}

"""A booking as an event of Google's, and an event of Google's as time that is taken."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from bookings.models import Booking
from bookings.notary_calendar import appointment_of
from hmnp.core.times import midnight
from integrations.calendar_reading import Seen

# Shown in a calendar, but nobody is away for it.
_IDLE_TYPES = ("workingLocation", "birthday")


def event_of(*, booking: Booking) -> dict[str, Any]:
    """Give the event that stands for a booking, in the notary's own words; nobody is invited."""
    shown = appointment_of(booking=booking)
    return {
        "summary": shown.summary,
        "description": shown.description,
        "location": shown.location,
        "start": _time(shown.starts_at, shown.zone),
        "end": _time(shown.ends_at, shown.zone),
        "status": "confirmed",
        "transparency": "opaque",
        "visibility": "private",
        "extendedProperties": {
            "private": {
                "booking_id": str(booking.pk),
                "reference": booking.reference,
                "version": str(booking.version),
            }
        },
    }


def _time(at: datetime, zone: ZoneInfo) -> dict[str, str]:
    return {"dateTime": at.astimezone(zone).isoformat(), "timeZone": zone.key}


def zone_of(page: dict[str, Any]) -> ZoneInfo:
    """Give the zone of the calendar that a page of events is of."""
    try:
        return ZoneInfo(str(page["timeZone"]))
    except (KeyError, ValueError, OSError):
        return ZoneInfo(settings.BUSINESS_TIME_ZONE)


def seen(*, event: dict[str, Any], zone: ZoneInfo) -> Seen | None:
    """Read an event that is not cancelled; all-day ones last from midnight to midnight in `zone`.

    Gives None when it has no time that can be read.
    """
    try:
        starts_at, ends_at = (_instant(event[name], zone) for name in ("start", "end"))
        external_id = str(event["id"])
    except (KeyError, TypeError, ValueError):
        return None
    return Seen(
        external_id=external_id, starts_at=starts_at, ends_at=ends_at, is_busy=_is_busy(event)
    )


def _instant(time: dict[str, Any], zone: ZoneInfo) -> datetime:
    if "date" in time:
        return midnight(date.fromisoformat(time["date"]), zone=zone)
    at = datetime.fromisoformat(time["dateTime"])
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _is_busy(event: dict[str, Any]) -> bool:
    declined = any(
        guest.get("self") and guest.get("responseStatus") == "declined"
        for guest in event.get("attendees") or []
    )
    return (
        event.get("transparency", "opaque") == "opaque"
        and event.get("eventType", "default") not in _IDLE_TYPES
        and not declined
    )

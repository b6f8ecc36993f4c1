"""Look through the calendar for what no webhook told: GHL repeats few, and loses some."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from bookings.models import Booking
from bookings.states import BookingStatus
from integrations.errors import ConnectorError
from integrations.ghl import client, news, refs
from integrations.ghl.mapping import Json
from integrations.models import ExternalRef
from integrations.states import Destination

# What lies in the past is of no use to anybody; nothing is booked further ahead than this.
BEHIND, AHEAD, SPAN = timedelta(days=1), timedelta(days=93), timedelta(days=31)
_LIVE = (BookingStatus.CONFIRMED.value, BookingStatus.IN_PROGRESS.value)


def poll(*, now: datetime) -> int:
    """Act on what somebody did in the CRM's calendar; give how much.

    Raises `ConnectorError` when the calendar could not be read, or, after all others, the first
    that an appointment gave rise to.
    """
    seen = {str(each["id"]): each for each in appointments(now=now)}
    known = refs_of(names=list(seen))
    found, first = 0, None
    for name, appointment in seen.items():
        try:
            if (ref := known.get(name)) is not None:
                found += news.hold_against(ref=ref, appointment=appointment, now=now)
            elif _is_settled(appointment, now):
                found += news.meet_stranger(appointment=appointment)
        except ConnectorError as error:
            first = first or error
    for ref in _unseen(seen, now):
        there = client.get_appointment(appointment_id=ref.external_id)
        found += news.hold_against(ref=ref, appointment=there, now=now)
    if first is not None:
        raise first
    return found


def appointments(*, now: datetime) -> Iterator[Json]:
    """Give the calendar's appointments from yesterday to the end of what can be booked."""
    start, end = now - BEHIND, now + AHEAD
    while start < end:
        yield from client.appointments_between(start=start, end=min(start + SPAN, end))
        start += SPAN


def refs_of(*, names: list[str]) -> dict[str, ExternalRef]:
    """Give our references to appointments by their ids there."""
    rows = ExternalRef.objects.filter(
        system=Destination.GHL.value, kind=refs.APPOINTMENT, external_id__in=names
    )
    return {ref.external_id: ref for ref in rows}


def _is_settled(appointment: Json, now: datetime) -> bool:
    """Tell whether an appointment is old enough that our own note of it cannot be on its way."""
    try:
        added = datetime.fromisoformat(str(appointment.get("dateAdded")))
    except ValueError:
        return True
    return added.tzinfo is None or now - added > news.PATIENCE


def _unseen(seen: dict[str, Json], now: datetime) -> list[ExternalRef]:
    """Give the appointments of coming bookings that the calendar did not show."""
    coming = Booking.objects.filter(
        status__in=_LIVE, starts_at__gt=now, starts_at__lt=now + AHEAD
    ).values_list("pk", flat=True)
    rows = ExternalRef.objects.filter(
        system=Destination.GHL.value, kind=refs.APPOINTMENT, booking_id__in=coming
    )
    return [ref for ref in rows if ref.external_id not in seen]

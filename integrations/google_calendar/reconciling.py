"""Compare Google's calendars with the bookings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings

from bookings.models import CalendarKind, Notary
from integrations import calendar_reconciling
from integrations.calendar_reading import AHEAD, BACK, Seen
from integrations.calendars import EVENT
from integrations.differences import Difference, Repair
from integrations.errors import ConnectorError
from integrations.google_calendar import client, mapping
from integrations.google_calendar.connector import CALENDAR
from integrations.models import ExternalRef
from integrations.states import Destination

SYSTEM = Destination.GOOGLE_CALENDAR


def differences(*, now: datetime) -> Iterator[Difference]:
    """Give what differs in the calendars in use, and those we wrote to before.

    Raises `ConnectorError` when Google itself is not to be had; a calendar that refuses is passed
    over here, since the poll calls a person about it.
    """
    held: dict[str, dict[str, Seen]] = {}
    strangers: list[Difference] = []
    for container in sorted(_containers()):
        try:
            events = _events(container, now)
        except ConnectorError as error:
            if not error.permanent:
                raise
            continue
        held[container] = events.seen
        strangers += events.strangers
    yield from calendar_reconciling.compare(calendar=CALENDAR, held=held, now=now)
    yield from strangers


def _containers() -> set[str]:
    kept = Notary.objects.filter(is_active=True, calendar_kind=CalendarKind.GOOGLE)
    written = ExternalRef.objects.filter(system=SYSTEM.value, kind=EVENT)
    found = {
        *kept.values_list("calendar_id", flat=True),
        *written.values_list("container", flat=True),
    }
    return {container or settings.GOOGLE_CALENDAR_ID for container in found} - {""}


class _Events:
    def __init__(self) -> None:
        self.seen: dict[str, Seen] = {}
        self.strangers: list[Difference] = []


def _events(container: str, now: datetime) -> _Events:
    found = _Events()
    known = set(
        ExternalRef.objects.filter(
            system=SYSTEM.value, kind=EVENT, container=container
        ).values_list("external_id", flat=True)
    )
    window = {"timeMin": (now - BACK).isoformat(), "timeMax": (now + AHEAD).isoformat()}
    for page in client.pages(calendar=container, params=window):
        zone = mapping.zone_of(page)
        for event in page.get("items") or []:
            one = mapping.seen(event=event, zone=zone)
            if one is None or event.get("status") == "cancelled":
                continue
            found.seen[one.external_id] = one
            if _names_booking(event) and one.external_id not in known:
                found.strangers.append(
                    Difference(
                        system=SYSTEM,
                        external_id=one.external_id,
                        what="an event names a booking and is none that we wrote",
                        repair=Repair.ASK,
                    )
                )
    return found


def _names_booking(event: dict[str, Any]) -> bool:
    properties = event.get("extendedProperties") or {}
    return bool((properties.get("private") or {}).get("booking_id"))

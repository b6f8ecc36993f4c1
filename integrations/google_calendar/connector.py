"""The google_calendar destination: an event in the notary's own calendar, or in the company's."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from bookings.models import Booking, CalendarKind, Notary
from integrations import calendars
from integrations.errors import ConnectorError
from integrations.google_calendar import client, mapping
from integrations.models import OutboxJob
from integrations.receipts import Receipt
from integrations.states import Destination

# Nobody is told by Google: who must know is told by us.
_QUIETLY = {"sendUpdates": "none"}
_GENERATIONS = 4
_GONE = (404, 410)


class GoogleCalendar:
    """Google's calendars, as `calendars` sees them."""

    system = Destination.GOOGLE_CALENDAR
    id_ending = ""

    def home_of(self, *, notary: Notary) -> str | None:
        """Give the notary's calendar, else the company's; None for one who keeps another kind."""
        if notary.calendar_kind != CalendarKind.GOOGLE:
            return None
        home = notary.calendar_id or settings.GOOGLE_CALENDAR_ID
        if not home:
            raise ConnectorError(
                "cannot be asked: the notary names no calendar and GOOGLE_CALENDAR_ID is not set",
                permanent=True,
            )
        return home

    def put(self, *, booking: Booking, container: str, external_id: str) -> str:
        """Write the event under its id: changed, brought back from the dead, or made.

        An id that Google neither shows nor lets be used again gives way to the next one.
        """
        event = mapping.event_of(booking=booking)
        for generation in range(1, _GENERATIONS + 1):
            path = client.events_path(calendar=container, event=external_id)
            if client.call("PATCH", path, json=event, params=_QUIETLY, absent=_GONE) is not None:
                return external_id
            if self._insert(container, {**event, "id": external_id}):
                return external_id
            there = client.call("GET", path, absent=_GONE)
            if there is None or there.get("status") != "cancelled":
                # Google takes a while to see what it has: a second id would be a second event.
                raise ConnectorError("knows the event's id and does not show the event yet")
            external_id = calendars.event_id(
                booking_id=booking.pk, container=container, generation=generation
            )
        raise ConnectorError("lets no id be used for the event", permanent=True)

    def _insert(self, container: str, body: dict[str, object]) -> bool:
        path = client.events_path(calendar=container)
        try:
            return client.call("POST", path, json=body, params=_QUIETLY, absent=(409,)) is not None
        except ConnectorError as error:
            if error.status == 404:
                raise ConnectorError(
                    "has no such calendar, or it is not shared with our service account",
                    permanent=True,
                    status=404,
                ) from None
            raise

    def remove(self, *, container: str, external_id: str) -> None:
        """Delete the event; one that is gone already, or whose calendar is, is no trouble."""
        path = client.events_path(calendar=container, event=external_id)
        client.call("DELETE", path, params=_QUIETLY, absent=_GONE)


CALENDAR = GoogleCalendar()


def deliver(job: OutboxJob, now: datetime) -> Receipt:  # noqa: ARG001 -- the outbox calls all alike
    """Bring Google's calendars to the booking's state.

    Raises `ConnectorError` and `NoLongerWanted`.
    """
    booking = Booking.objects.select_related("service", "notary").get(pk=job.booking_id)
    return calendars.bring(calendar=CALENDAR, booking=booking)

"""The caldav destination: an event in the calendar a notary keeps on a CalDAV server."""

from __future__ import annotations

import logging
from datetime import datetime

from bookings import notary_calendar
from bookings.models import Booking, Notary
from integrations import calendars
from integrations.caldav import client
from integrations.models import OutboxJob
from integrations.receipts import Receipt
from integrations.states import Destination

logger = logging.getLogger(__name__)


class CalDav:
    """CalDAV calendars, as `calendars` sees them. An event's id is its object's name."""

    system = Destination.CALDAV
    id_ending = ".ics"

    def home_of(self, *, notary: Notary) -> str | None:
        """Give the address of the notary's calendar; None for one who keeps another kind."""
        return client.home_of(notary=notary)

    def put(self, *, booking: Booking, container: str, external_id: str) -> str:
        """Write the object under its name, whatever was there before."""
        data = notary_calendar.calendar_file(bookings=[booking])
        assert booking.notary is not None  # noqa: S101 -- its calendar is the home we were given
        client.calendar_of(notary=booking.notary).put(name=external_id, data=data)
        return external_id

    def remove(self, *, container: str, external_id: str) -> None:
        """Delete the object, as long as somebody still keeps the calendar."""
        keepers = client.keepers().get(container)
        if not keepers:
            # Without the calendar's password nothing can be done, and nobody plans by it any more.
            logger.warning("an event stays behind in a calendar that no notary keeps any more")
            return
        client.calendar_of(notary=keepers[0]).delete(name=external_id)


CALENDAR = CalDav()


def deliver(job: OutboxJob, now: datetime) -> Receipt:  # noqa: ARG001 -- the outbox calls all alike
    """Bring CalDAV calendars to the booking's state.

    Raises `ConnectorError` and `NoLongerWanted`.
    """
    booking = Booking.objects.select_related("service", "notary").get(pk=job.booking_id)
    return calendars.bring(calendar=CALENDAR, booking=booking)

"""Compare CalDAV calendars with the bookings."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime

from integrations import calendar_reconciling
from integrations.caldav import client, polling
from integrations.caldav.connector import CALENDAR
from integrations.calendar_reading import Seen
from integrations.differences import Difference
from integrations.errors import ConnectorError

logger = logging.getLogger(__name__)


def differences(*, now: datetime) -> Iterator[Difference]:
    """Give what differs in the calendars in use.

    One that cannot be read is passed over here, since the poll calls a person about it.
    """
    held: dict[str, dict[str, Seen]] = {}
    for url, notaries in client.keepers().items():
        try:
            calendar = client.calendar_of(notary=notaries[0])
            seen = polling.read_window(calendar=calendar, state=calendar.state(), now=now)
        except ConnectorError as error:
            logger.warning("a calendar cannot be compared: %s", error.reason)
            continue
        held[url] = {one.external_id: one for one in seen}
    yield from calendar_reconciling.compare(calendar=CALENDAR, held=held, now=now)

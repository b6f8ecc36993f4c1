"""Read CalDAV calendars: the whole window, whenever a calendar says that it has changed."""

from __future__ import annotations

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from bookings.models import Notary
from hmnp.core import sealed, transactions
from integrations import calendar_reading
from integrations.caldav import client, mapping
from integrations.calendar_reading import AHEAD, BACK, Reading, Seen
from integrations.errors import ConnectorError
from integrations.models import CalendarFeed
from integrations.states import Destination

logger = logging.getLogger(__name__)
SYSTEM = Destination.CALDAV


def poll(*, now: datetime) -> int:
    """Read every calendar in use and give how much changed.

    Each is on a server of its own: one that is down or refuses is noted, the others are read.
    """
    keepers = client.keepers()
    homes = {notary.pk: url for url, notaries in keepers.items() for notary in notaries}
    changed = calendar_reading.forget_others(system=SYSTEM, homes=homes)
    for url in calendar_reading.in_order(system=SYSTEM, containers=keepers):
        changed += _read(url, keepers[url], now)
    return changed


def _read(url: str, notaries: list[Notary], now: datetime) -> int:
    feed = calendar_reading.begin(system=SYSTEM, container=url)
    try:
        calendar = client.calendar_of(notary=notaries[0])
        _renew_seals(notaries)
        reading = _reading(feed, calendar, notaries, now)
    except ConnectorError as error:
        calendar_reading.fail(feed=feed, error=error, now=now)
        logger.warning("a calendar cannot be read: %s", error.reason)
        return 0
    if reading is None:
        return 0
    return calendar_reading.finish(feed=feed, reading=reading, busy_for=notaries, now=now)


def _reading(
    feed: CalendarFeed, calendar: client.DavCalendar, notaries: list[Notary], now: datetime
) -> Reading | None:
    """Read the window, or give None when nothing has changed since the last time."""
    asked_at = transactions.database_now()
    state = calendar.state()
    is_same = bool(state.tag) and state.tag == feed.sync_token and feed.failing_since is None
    if is_same and not calendar_reading.must_read_whole(feed=feed, busy_for=notaries, now=now):
        return None
    seen = read_window(calendar=calendar, state=state, now=now)
    return Reading(seen=seen, gone=(), is_whole=True, asked_at=asked_at, sync_token=state.tag)


def read_window(
    *, calendar: client.DavCalendar, state: client.CollectionState, now: datetime
) -> list[Seen]:
    """Read every occurrence in the window around `now`. Raises `ConnectorError`."""
    starts_at, ends_at = now - BACK, now + AHEAD
    zone = mapping.zone_of(timezone=state.timezone, default=ZoneInfo(settings.BUSINESS_TIME_ZONE))
    seen: list[Seen] = []
    for resource in calendar.window(starts_at=starts_at, ends_at=ends_at):
        try:
            seen += mapping.seen(resource=resource, starts_at=starts_at, ends_at=ends_at, zone=zone)
        except mapping.NotACalendar:
            logger.warning("an object of a calendar cannot be read and is passed over")
    return seen


def _renew_seals(notaries: list[Notary]) -> None:
    """Seal passwords anew that were sealed with a server key that is on its way out."""
    for notary in notaries:
        if sealed.is_stale(notary.calendar_password_sealed):
            before = notary.calendar_password_sealed
            notary.calendar_password = notary.calendar_password
            Notary.objects.filter(pk=notary.pk, calendar_password_sealed=before).update(
                calendar_password_sealed=notary.calendar_password_sealed
            )

"""Read Google's calendars: what has changed since the last time, or everything once a day."""

from __future__ import annotations

import logging
from datetime import datetime

from django.conf import settings

from bookings.models import CalendarKind, Notary
from hmnp.core import transactions
from integrations import calendar_reading
from integrations.calendar_reading import AHEAD, BACK, Reading, Seen
from integrations.errors import ConnectorError
from integrations.google_calendar import client, mapping
from integrations.models import CalendarFeed
from integrations.states import Destination

logger = logging.getLogger(__name__)
SYSTEM = Destination.GOOGLE_CALENDAR


def poll(*, now: datetime) -> int:
    """Read every calendar in use and give how much changed.

    One that refuses is noted and the others are read; raises `ConnectorError` when Google itself
    is not to be had.
    """
    keepers = Notary.objects.filter(is_active=True, calendar_kind=CalendarKind.GOOGLE)
    homes = {notary.pk: notary.calendar_id for notary in keepers if notary.calendar_id}
    changed = calendar_reading.forget_others(system=SYSTEM, homes=homes)
    owners: dict[str, list[Notary]] = {}
    for notary in keepers:
        # The company's calendar does not say who of us is busy; it is read for our own events.
        container = notary.calendar_id or settings.GOOGLE_CALENDAR_ID
        owners.setdefault(container, []).extend([notary] if notary.calendar_id else [])
    owners.pop("", None)
    for container in calendar_reading.in_order(system=SYSTEM, containers=owners):
        changed += _read(container, owners[container], now)
    return changed


def _read(container: str, busy_for: list[Notary], now: datetime) -> int:
    feed = calendar_reading.begin(system=SYSTEM, container=container)
    try:
        reading = _reading(feed, busy_for, now)
    except ConnectorError as error:
        calendar_reading.fail(feed=feed, error=error, now=now)
        if not error.permanent:
            raise
        logger.warning("a calendar cannot be read: %s", error.reason)
        return 0
    return calendar_reading.finish(feed=feed, reading=reading, busy_for=busy_for, now=now)


def _reading(feed: CalendarFeed, busy_for: list[Notary], now: datetime) -> Reading:
    if not calendar_reading.must_read_whole(feed=feed, busy_for=busy_for, now=now):
        try:
            found = _listed(feed.container, {"syncToken": feed.sync_token}, is_whole=False)
        except ConnectorError as error:
            # A token Google cannot read any more is as good as one that is too old.
            if error.status != 400:
                raise
            found = None
        if found is not None:
            return found
    window = {
        "timeMin": (now - BACK).isoformat(),
        "timeMax": (now + AHEAD).isoformat(),
    }
    found = _listed(feed.container, window, is_whole=True)
    if found is None:
        raise ConnectorError("answered 410 to a list without a token")
    return found


def _listed(container: str, params: dict[str, str], *, is_whole: bool) -> Reading | None:
    """Read all pages, or give None when the token is too old."""
    asked_at = transactions.database_now()
    seen: dict[str, Seen] = {}
    gone: set[str] = set()
    token = ""
    for page in client.pages(calendar=container, params=params):
        zone = mapping.zone_of(page)
        for event in page.get("items") or []:
            one = mapping.seen(event=event, zone=zone)
            if event.get("status") == "cancelled" or one is None:
                gone.add(str(event.get("id")))
            else:
                seen[one.external_id] = one
        token = str(page.get("nextSyncToken") or "")
    if not token:
        return None
    return Reading(
        seen=list(seen.values()),
        gone=gone - seen.keys(),
        is_whole=is_whole,
        asked_at=asked_at,
        sync_token=token,
    )

"""What is read back from calendars: when notaries are busy, and what was done to our events.

Nothing here moves or cancels a booking. A busy time hides slots; an event of ours that somebody
moved or deleted is a case for a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F

from bookings.actions.import_busy import Busy, forget_busy, import_busy
from bookings.models import Booking, Notary
from bookings.notary_calendar import KEPT
from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case, settle_case
from integrations.calendars import (
    DELETED,
    EVENT,
    HELD,
    MOVED,
    REMOVED,
    WRITING,
    change_key,
    time_hash,
)
from integrations.errors import ConnectorError
from integrations.models import CalendarFeed, ExternalRef
from integrations.states import Destination

# How far around now calendars are read; nothing is booked further ahead.
BACK = timedelta(days=1)
AHEAD = timedelta(days=200)
# The window moves on, so it is read as a whole once a day.
WHOLE_EVERY = timedelta(hours=24)
# A calendar that cannot be read is worth a person only when it lasts.
_PATIENCE = timedelta(hours=1)


@dataclass(frozen=True)
class Seen:
    """One event as a calendar has it now, whoever made it; half-open, in UTC."""

    external_id: str
    starts_at: datetime
    ends_at: datetime
    is_busy: bool


@dataclass(frozen=True)
class Reading:
    """What a calendar said when asked at `asked_at`: everything, or what changed and is gone."""

    seen: Sequence[Seen]
    gone: Collection[str]
    is_whole: bool
    asked_at: datetime
    sync_token: str


def source_of(*, system: Destination, container: str) -> str:
    """Name a calendar as the source of busy times, in 30 characters."""
    room = 30 - len(system.value) - 1
    return f"{system.value}:{hashlib.sha256(container.encode()).hexdigest()[:room]}"


def in_order(*, system: Destination, containers: Iterable[str]) -> list[str]:
    """Give calendars in the order to read them in: those that answered last time come first.

    A server that hangs must not use up the time of the others.
    """
    failing = CalendarFeed.objects.filter(system=system.value, failing_since__isnull=False)
    silent = set(failing.values_list("container", flat=True))
    return sorted(containers, key=lambda container: (container in silent, container))


def begin(*, system: Destination, container: str) -> CalendarFeed:
    """Note that a reading begins, and give how far the last one came."""

    def work() -> CalendarFeed:
        feed, _ = CalendarFeed.objects.get_or_create(system=system.value, container=container)
        CalendarFeed.objects.filter(pk=feed.pk).update(reads=F("reads") + 1)
        feed.refresh_from_db()
        return feed

    return transactions.run(work)


def must_read_whole(*, feed: CalendarFeed, busy_for: Iterable[Notary], now: datetime) -> bool:
    """Tell whether what has changed is not enough this time."""
    return (
        not feed.sync_token
        or feed.read_for != _ids(busy_for)
        or feed.read_whole_at is None
        or feed.read_whole_at < now - WHOLE_EVERY
    )


def _ids(notaries: Iterable[Notary]) -> list[int]:
    return sorted(notary.pk for notary in notaries)


def finish(
    *, feed: CalendarFeed, reading: Reading, busy_for: Collection[Notary], now: datetime
) -> int:
    """Take over what was read, and give how much changed; a reading overtaken changes nothing.

    `busy_for` are the notaries whose own calendar it is.
    """
    mine = CalendarFeed.objects.filter(pk=feed.pk, reads=feed.reads)
    if not mine.exists():
        return 0
    refs = ExternalRef.objects.filter(system=feed.system, kind=EVENT, container=feed.container)
    if not reading.is_whole:
        named = {one.external_id for one in reading.seen} | set(reading.gone)
        refs = refs.filter(external_id__in=named)
    ours = {ref.external_id: ref for ref in refs}
    changed = _judge_ours(feed, reading, ours, now)
    busy = [
        Busy(external_id=one.external_id, starts_at=one.starts_at, ends_at=one.ends_at)
        for one in reading.seen
        if one.is_busy and one.external_id not in ours
    ]
    idle = [one.external_id for one in reading.seen if not one.is_busy]
    source = source_of(system=Destination(feed.system), container=feed.container)
    for notary in busy_for:
        changed += import_busy(
            notary_id=notary.pk,
            source=source,
            busy=busy,
            # Ours, too: an event is read before its reference only by the rarest chance.
            gone=[*reading.gone, *idle, *ours],
            is_everything=reading.is_whole,
        )
    mine.update(
        sync_token=reading.sync_token,
        read_at=now,
        read_for=_ids(busy_for),
        failing_since=None,
        last_error="",
        **({"read_whole_at": now} if reading.is_whole else {}),
    )
    if feed.failing_since is not None:
        transactions.run(
            lambda: settle_case(
                kind=CaseKind.OUTSIDE_MISMATCH, key=_feed_key(feed), how="it can be read again"
            )
        )
    return changed


def fail(*, feed: CalendarFeed, error: ConnectorError, now: datetime) -> None:
    """Note that a calendar could not be read; a refusal, or a long silence, calls a person.

    The busy times read before stay.
    """
    since = feed.failing_since or now

    def work() -> None:
        CalendarFeed.objects.filter(pk=feed.pk).update(
            failing_since=since, last_error=error.reason[:300]
        )
        if error.permanent or now - since > _PATIENCE:
            open_case(
                kind=CaseKind.OUTSIDE_MISMATCH,
                key=_feed_key(feed),
                subject=f"calendar_feed:{feed.pk}",
                summary=f"A calendar in {feed.system} cannot be read, so its busy times are old: "
                f"it {error.reason}"[:300],
                repair="share_calendar",
            )

    transactions.run(work)


def _feed_key(feed: CalendarFeed) -> str:
    return f"calendar_feed:{feed.pk}"


def forget_others(*, system: Destination, homes: dict[int, str]) -> int:
    """Forget busy times from calendars of this kind that no notary keeps any more; give how many.

    `homes` are the calendars read for busy times, by notary.
    """
    prefix = f"{system.value}:"
    notary_ids = (
        Notary.objects.filter(busy_blocks__source__startswith=prefix)
        .values_list("pk", flat=True)
        .distinct()
    )
    forgotten = 0
    # Somebody who comes back to one finds it read anew.
    feeds = CalendarFeed.objects.filter(system=system.value)
    feeds.exclude(read_for=[]).exclude(container__in=set(homes.values())).update(read_for=[])
    for notary_id in list(notary_ids):
        home = homes.get(notary_id)
        kept = source_of(system=system, container=home) if home else ""
        forgotten += forget_busy(notary_id=notary_id, prefix=prefix, but=kept)
    return forgotten


# What was done to our own events


def _judge_ours(
    feed: CalendarFeed, reading: Reading, ours: dict[str, ExternalRef], now: datetime
) -> int:
    seen = {one.external_id: one for one in reading.seen}
    missing = set(reading.gone)
    if reading.is_whole:
        missing |= _expected(ours, now) - seen.keys()
    noticed = 0
    for external_id in (seen.keys() | missing) & ours.keys():
        ref = ours[external_id]
        # Being written, taken out, or written since we asked: what was read is no news of it.
        if ref.status in (WRITING, REMOVED) or ref.synced_at is None:
            continue
        if ref.synced_at >= reading.asked_at:
            continue
        noticed += _judge(feed, ref, seen.get(external_id))
    return noticed


def _expected(ours: dict[str, ExternalRef], now: datetime) -> set[str]:
    """Give our events that must be found when the whole window is read."""
    by_booking = {
        ref.booking_id: ref.external_id for ref in ours.values() if ref.status in (HELD, MOVED)
    }
    standing = Booking.objects.filter(
        pk__in=by_booking,
        status__in=[status.value for status in KEPT],
        starts_at__gte=now,
        ends_at__lt=now + AHEAD,
    )
    return {by_booking[pk] for pk in standing.values_list("pk", flat=True)}


def _judge(feed: CalendarFeed, ref: ExternalRef, seen: Seen | None) -> int:
    status = HELD
    if seen is None:
        status = DELETED
    elif ref.written_hash != time_hash(starts_at=seen.starts_at, ends_at=seen.ends_at):
        status = MOVED
    # Said once: what a person has looked at and left is not told again.
    if status == ref.status:
        return 0

    def work() -> int:
        is_mine = ExternalRef.objects.filter(
            pk=ref.pk, status=ref.status, synced_at=ref.synced_at
        ).update(status=status)
        if not is_mine:
            return 0
        key = change_key(system=Destination(feed.system), booking_id=ref.booking_id)
        if status == HELD:
            settle_case(kind=CaseKind.OUTSIDE_CHANGE, key=key, how="the event is as we wrote it")
        else:
            _tell(key, feed.system, Booking.objects.get(pk=ref.booking_id), seen)
        return 1

    return transactions.run(work)


def _tell(key: str, system: str, booking: Booking, seen: Seen | None) -> None:
    if seen is None:
        what = "was deleted"
    else:
        what = f"was moved to {seen.starts_at.astimezone(booking.zone):%a %d %b %Y, %H:%M}"
    open_case(
        kind=CaseKind.OUTSIDE_CHANGE,
        key=key,
        subject=f"booking:{booking.pk}",
        summary=f"The event of booking {booking.reference} {what} in the notary's calendar. "
        "The booking stands as it was: ask the notary, then move, reassign or cancel it, or "
        "put the event back.",
        repair="resync",
        booking_id=booking.pk,
        system=system,
    )

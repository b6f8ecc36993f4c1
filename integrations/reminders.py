"""The minute's look at what customers must be told without any fact: reminders, links, reviews.

Only rows are written here, one a booking, kind, start and recipient; each is judged again at the
moment of sending. A look that comes late still finds what is due, and true, by then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from bookings import wording
from bookings.models import Booking, TimelineEvent
from bookings.states import BookingStatus, TimelineAction
from integrations import audience, outbox
from integrations.models import OutboxJob
from integrations.proof import readiness
from integrations.states import Destination, MessageKind
from integrations.timings import FURTHEST, TIMINGS, start_key

# A started session may still need its link.
_STANDING = (BookingStatus.CONFIRMED.value, BookingStatus.IN_PROGRESS.value)
_REMOTE_ONLY = (MessageKind.RON_LINK, MessageKind.DOCUMENTS_MISSING)
_LATEST = timedelta(hours=1)
# Asked while the visit is fresh, but not while the notary is still packing up.
REVIEW_AFTER = timedelta(hours=1)
REVIEW_UNTIL = timedelta(days=3)
# By booking, kind, start and recipient.
_Key = tuple[UUID, str, str, str]


def write_due(*, now: datetime) -> int:
    """Write the message jobs that are due at `now`; give how many."""
    written = 0
    bookings = list(
        Booking.objects.select_related("service").filter(
            status__in=_STANDING, starts_at__gt=now - _LATEST, starts_at__lte=now + FURTHEST
        )
    )
    known = _known(bookings, TIMINGS)
    told_at = _told_at(bookings)
    for booking in bookings:
        for kind in _due_kinds(booking, told_at=told_at[booking.pk], now=now, known=known):
            written += _write(booking, kind, start_key(booking.starts_at), known)
    return written + _write_reviews(now)


def _due_kinds(
    booking: Booking, *, told_at: datetime, now: datetime, known: Collection[_Key]
) -> Iterator[MessageKind]:
    is_told_what_is_missing = False
    # What is missing goes first: it says all that the reminder would.
    for kind in sorted(TIMINGS, key=lambda kind: kind is not MessageKind.DOCUMENTS_MISSING):
        timing = TIMINGS[kind]
        if kind in _REMOTE_ONLY and wording.is_mobile(booking):
            continue
        if kind is MessageKind.DOCUMENTS_MISSING:
            is_told_what_is_missing = _has_any(booking, kind, known)
        if kind is MessageKind.REMINDER_24H and is_told_what_is_missing:
            continue
        if not timing.is_due(starts_at=booking.starts_at, told_at=told_at, now=now):
            continue
        if kind is MessageKind.DOCUMENTS_MISSING:
            if is_told_what_is_missing or not readiness.missing(booking=booking):
                continue
            is_told_what_is_missing = True
        if kind is MessageKind.RON_LINK and not _has_sessions(booking):
            continue
        yield kind


def _has_sessions(booking: Booking) -> bool:
    """Tell whether a link will ever come."""
    return bool(booking.ron_join_url) or Destination.PROOF.value not in settings.INTEGRATIONS_OFF


def _has_any(booking: Booking, kind: MessageKind, known: Collection[_Key]) -> bool:
    start = start_key(booking.starts_at)
    return any(key[:3] == (booking.pk, kind.value, start) for key in known)


def _write_reviews(now: datetime) -> int:
    completed = list(
        Booking.objects.filter(
            status=BookingStatus.COMPLETED.value,
            updated_at__gt=now - REVIEW_UNTIL,
            updated_at__lte=now - REVIEW_AFTER,
        )
    )
    known = _known(completed, [MessageKind.REVIEW_REQUEST])
    return sum(_write(booking, MessageKind.REVIEW_REQUEST, "", known) for booking in completed)


def _write(booking: Booking, kind: MessageKind, occurrence_id: str, known: set[_Key]) -> int:
    """Write a message's jobs that do not exist; give how many."""
    new = [
        (destination, recipient)
        for destination, recipient in audience.of_customer(booking=booking, kind=kind)
        if (booking.pk, kind.value, occurrence_id, recipient) not in known
    ]
    with transaction.atomic():
        for destination, recipient in new:
            outbox.enqueue_message(
                destination=destination,
                booking_id=booking.pk,
                version=0,
                message_kind=kind,
                recipient=recipient,
                occurrence_id=occurrence_id,
            )
    return len(new)


def _known(bookings: list[Booking], kinds: Collection[MessageKind]) -> set[_Key]:
    jobs = OutboxJob.objects.filter(
        booking__in=[booking.pk for booking in bookings],
        message_kind__in=[kind.value for kind in kinds],
    )
    return set(jobs.values_list("booking_id", "message_kind", "occurrence_id", "recipient"))


def _told_at(bookings: list[Booking]) -> dict[UUID, datetime]:
    """Give when each booking's customer last heard of a new time."""
    news = (
        TimelineEvent.objects.filter(
            booking__in=[booking.pk for booking in bookings],
            action__in=[TimelineAction.CONFIRMED.value, TimelineAction.RESCHEDULED.value],
        )
        .order_by()
        .values_list("booking_id")
        .annotate(Max("at"))
    )
    first = {booking.pk: booking.confirmed_at or booking.created_at for booking in bookings}
    return first | dict(news)

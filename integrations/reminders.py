"""The minute's look at what customers must be told without any fact: reminders, links, reviews.

Only rows are written here, one a booking, kind, start and recipient; each is judged again at the
moment of sending. A look that comes late still finds what is due, and true, by then.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Q

from bookings import wording
from bookings.models import Booking, TimelineEvent
from bookings.states import BookingStatus, TimelineAction
from integrations import audience, outbox
from integrations.models import OutboxJob
from integrations.proof import readiness
from integrations.states import Destination, JobState, MessageKind
from integrations.timings import FURTHEST, TIMINGS, start_key

# A started session may still need its link.
_STANDING = (BookingStatus.CONFIRMED.value, BookingStatus.IN_PROGRESS.value)
_LATEST = timedelta(hours=1)
# Asked while the visit is fresh, but not while the notary is still packing up.
REVIEW_AFTER = timedelta(hours=1)
REVIEW_UNTIL = timedelta(days=3)
# The state of each job that is written, by booking, kind, start and recipient.
_Known = dict[tuple[UUID, str, str, str], str]


def write_due(*, now: datetime) -> int:
    """Write the message jobs that are due at `now`; give how many."""
    bookings = list(
        Booking.objects.select_related("service").filter(
            status__in=_STANDING,
            starts_at__gt=now - _LATEST,
            starts_at__lte=now + FURTHEST,
            is_told_elsewhere=False,
        )
    )
    known = _known(bookings, TIMINGS)
    told_at = _told_at(bookings)
    written = 0
    for booking in bookings:
        due = {
            kind
            for kind, timing in TIMINGS.items()
            if timing.is_due(starts_at=booking.starts_at, told_at=told_at[booking.pk], now=now)
        }
        for kind in _fitting(booking, due, known):
            written += _write(booking, kind, start_key(booking.starts_at), known)
    return written + _write_reviews(now)


def _fitting(booking: Booking, due: set[MessageKind], known: _Known) -> set[MessageKind]:
    """Leave out of what is due by the clock what does not fit this booking."""
    if wording.is_mobile(booking):
        return due - {MessageKind.RON_LINK, MessageKind.DOCUMENTS_MISSING}
    if MessageKind.RON_LINK in due and not _has_sessions(booking):
        due = due - {MessageKind.RON_LINK}
    if _is_told(booking, MessageKind.DOCUMENTS_MISSING, known):
        return due - {MessageKind.REMINDER_24H, MessageKind.DOCUMENTS_MISSING}
    if MessageKind.DOCUMENTS_MISSING not in due or not readiness.missing(booking=booking):
        return due - {MessageKind.DOCUMENTS_MISSING}
    # It says all that the reminder would.
    return due - {MessageKind.REMINDER_24H}


def _has_sessions(booking: Booking) -> bool:
    """Tell whether a link will ever come."""
    return bool(booking.ron_join_url) or Destination.PROOF.value not in settings.INTEGRATIONS_OFF


def _is_told(booking: Booking, kind: MessageKind, known: _Known) -> bool:
    """Tell whether a message about this start is written, and was not dropped since."""
    key = (booking.pk, kind.value, start_key(booking.starts_at), booking.customer_email)
    return known.get(key, JobState.SUPERSEDED) != JobState.SUPERSEDED


def _write_reviews(now: datetime) -> int:
    completed = list(
        Booking.objects.filter(
            # What was over when it was taken over, the system before has asked about.
            Q(imported_at=None) | Q(imported_at__lt=F("updated_at")),
            status=BookingStatus.COMPLETED.value,
            updated_at__gt=now - REVIEW_UNTIL,
            updated_at__lte=now - REVIEW_AFTER,
            is_told_elsewhere=False,
        )
    )
    known = _known(completed, [MessageKind.REVIEW_REQUEST])
    return sum(_write(booking, MessageKind.REVIEW_REQUEST, "", known) for booking in completed)


def _write(booking: Booking, kind: MessageKind, occurrence_id: str, known: _Known) -> int:
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


def _known(bookings: list[Booking], kinds: Collection[MessageKind]) -> _Known:
    jobs = OutboxJob.objects.filter(
        booking__in=[booking.pk for booking in bookings],
        message_kind__in=[kind.value for kind in kinds],
    )
    rows = jobs.values_list("booking_id", "message_kind", "occurrence_id", "recipient", "state")
    return {(booking, kind, start, to): state for booking, kind, start, to, state in rows}


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

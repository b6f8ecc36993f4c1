"""What became of a message after it was sent: delivered, bounced, complained about."""

from __future__ import annotations

import hashlib
from uuid import UUID

from bookings import timeline
from bookings.models import Booking
from bookings.states import TimelineAction
from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case, settle_case
from hmnp.core.context import Actor, ActorType
from hmnp.core.request_id import current_request_id
from integrations.models import OutboxJob
from integrations.states import FOR_NOTARIES, Destination, MessageKind

# A status only moves on, however the reports arrive.
_RANKS = {
    "": 0,
    "accepted": 1,
    "scheduled": 1,
    "queued": 1,
    "sending": 1,
    "deferred": 1,
    "sent": 2,
    "delivered": 3,
    "undelivered": 4,
    "failed": 4,
    "rejected": 4,
    "bounced": 4,
    "complained": 5,
}
FATES = tuple(status for status in _RANKS if status)
_NOT_ARRIVED = ("undelivered", "failed", "rejected", "bounced")
# Who does not get one of these does not know when and where to be.
_MUST_ARRIVE = (
    MessageKind.CONFIRMATION,
    MessageKind.RESCHEDULED,
    MessageKind.CANCELLED,
    MessageKind.RON_LINK,
    *FOR_NOTARIES,
)


class _NothingNew(Exception):
    """A later status is known already."""


def record(*, job: OutboxJob, status: str, reason: str = "") -> bool:
    """Note a sent message's status; bad news goes on the timeline, and some to a person.

    `reason` has no personal data in it. Gives False when a later status was known.
    """

    rank = _RANKS.get(status)
    if rank is None:  # another word for "on its way"
        return False

    def work() -> None:
        # The booking's rows come before the outbox in the lock order.
        if rank > _RANKS["delivered"]:
            _tell_timeline(job, status, reason)
        updated = OutboxJob.objects.filter(
            pk=job.pk, delivery_status__in=[known for known in _RANKS if _RANKS[known] < rank]
        ).update(delivery_status=status)
        if not updated:
            raise _NothingNew
        booking = Booking.objects.only("id", "customer_email").get(pk=job.booking_id)
        if status in _NOT_ARRIVED and _is_worth_a_case(job, booking):
            _call_a_person(job, status, reason)

    try:
        transactions.run(work)
    except _NothingNew:
        return False
    return True


def _is_worth_a_case(job: OutboxJob, booking: Booking) -> bool:
    # A text is sent on top of the mail.
    if job.destination != Destination.MAIL or job.message_kind not in _MUST_ARRIVE:
        return False
    return job.message_kind in FOR_NOTARIES or job.recipient == booking.customer_email


def _tell_timeline(job: OutboxJob, status: str, reason: str) -> None:
    timeline.record(
        booking=Booking.objects.only("id").get(pk=job.booking_id),
        action=TimelineAction.MESSAGE_SENT,
        actor=Actor(type=ActorType.PROVIDER, request_id=current_request_id()),
        now=transactions.database_now(),
        metadata={
            "message": job.message_kind,
            "channel": job.destination,
            "job_id": str(job.pk),
            "delivery": status,
            **({"reason": reason} if reason else {}),
        },
    )


def _call_a_person(job: OutboxJob, status: str, reason: str) -> None:
    open_case(
        kind=CaseKind.MESSAGE_BOUNCED,
        # One case an address: it is the address that must be put right.
        key=_case_key(job.booking_id, job.recipient),
        subject=f"outbox job:{job.pk}",
        booking_id=job.booking_id,
        summary=f"the {job.message_kind} did not arrive: {status}"
        f"{f' ({reason})' if reason else ''}; find out the right address",
        repair="correct_address",
    )


def address_was_corrected(*, booking_id: UUID, previous: str) -> None:
    """Close the case of an address that bounced, in the transaction that gave another."""
    settle_case(
        kind=CaseKind.MESSAGE_BOUNCED,
        key=_case_key(booking_id, previous),
        how="the booking has another address now",
    )


def _case_key(booking_id: UUID, address: str) -> str:
    # A hash: the key is shown, the address is personal.
    return f"{booking_id}:{hashlib.sha256(address.lower().encode()).hexdigest()[:16]}"

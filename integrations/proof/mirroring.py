"""Let our side follow what a fetched transaction says, in whatever order answers arrive.

The reference's row remembers how far a transaction has come; an older answer never sets it back,
and what follows is decided from the row. So doing it twice, or late, ends the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models.functions import Now

from bookings.actions.complete_booking import complete_booking
from bookings.actions.record_ron_session import record_ron_session
from bookings.actions.start_booking import start_booking
from bookings.errors import InvalidStatusTransition
from bookings.models import Booking
from bookings.sessions import DONE, OPEN_TO_SIGNERS, SessionStatus
from bookings.states import BookingStatus
from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case
from hmnp.core.context import Actor, ActorType
from integrations.models import ExternalRef
from integrations.proof import holdings, identity, keeping
from integrations.proof.mapping import (
    LIVE,
    MEETING,
    Transaction,
    customer_link,
    is_newer,
    session_of,
)
from integrations.states import Destination

PROOF = Actor(type=ActorType.PROVIDER, id="proof")

_CASES = {
    SessionStatus.DECLINED: (CaseKind.OUTSIDE_CHANGE, "A signer declined the online session."),
    SessionStatus.EXPIRED: (
        CaseKind.OUTSIDE_MISMATCH,
        "The online session was over before it was completed: call the customer, or mark the "
        "no-show.",
    ),
    SessionStatus.HELD: (CaseKind.OUTSIDE_CHANGE, "Proof holds the online session for review."),
    SessionStatus.COMPLETED_WITH_REJECTIONS: (
        CaseKind.OUTSIDE_CHANGE,
        "The online session was completed, but a document in it was rejected.",
    ),
    SessionStatus.CLOSED: (
        CaseKind.OUTSIDE_CHANGE,
        "The online session was taken back at Proof, not by us.",
    ),
}


@dataclass(frozen=True)
class Mirrored:
    """The booking's version afterwards, and by how many of ours it rose."""

    version: int
    own_changes: int


def mirror(*, booking_id: UUID, transaction: Transaction, now: datetime) -> Mirrored:
    """Show a fetched transaction on its booking, and start or complete it accordingly."""
    booking = Booking.objects.get(pk=booking_id)
    status = _advance(booking, transaction)
    if status is None:
        return Mirrored(version=booking.version, own_changes=0)
    session = session_of(status)
    if session not in DONE and identity.has_failed(
        booking_id=booking_id, transaction_id=transaction.id
    ):
        session = SessionStatus.IDENTITY_FAILED
    link = customer_link(booking, transaction) if session in OPEN_TO_SIGNERS else ""
    if link:
        keeping.keep_links(booking=booking, transaction=transaction)
    mirrored = show(booking_id=booking_id, link=link, status=session, now=now)
    if status in MEETING or session in DONE:
        _follow(booking_id, transaction, is_done=session in DONE, now=now)
    if session in DONE:
        keeping.keep_record(booking=booking, transaction=transaction)
    return mirrored


def note_deletion(*, ref: ExternalRef) -> None:
    """Call a person when a transaction of a live booking is gone, and we did not remove it."""

    def work() -> None:
        mine = ExternalRef.objects.select_for_update().get(pk=ref.pk)
        if mine.external_id != ref.external_id or not is_newer("deleted", than=mine.status):
            return
        mine.status = "deleted"
        mine.save(update_fields=["status", "updated_at"])
        _call_a_person(Booking.objects.get(pk=mine.booking_id), mine)

    transactions.run(work)


def show(*, booking_id: UUID, link: str, status: SessionStatus, now: datetime) -> Mirrored:
    """Write link and status where the customer sees them."""
    before = Booking.objects.only("ron_join_url", "ron_status").get(pk=booking_id)
    is_change = (before.ron_join_url, before.ron_status) != (link, status.value)
    after = record_ron_session(
        booking_id=booking_id, join_url=link, status=status, actor=PROOF, now=now
    )
    return Mirrored(version=after.version, own_changes=int(is_change))


def _advance(booking: Booking, transaction: Transaction) -> str | None:
    """Write a newer status on the reference and give the one that counts; None: not its own."""

    def work() -> str | None:
        ref = (
            ExternalRef.objects.select_for_update()
            .filter(
                booking_id=booking.pk,
                system=Destination.PROOF.value,
                kind=holdings.TRANSACTION,
                external_id=transaction.id,
            )
            .first()
        )
        if ref is None:
            return None
        if is_newer(transaction.status, than=ref.status):
            ref.status = transaction.status
            ref.synced_at = Now()
            ref.save(update_fields=["status", "synced_at", "updated_at"])
            _call_a_person(booking, ref)
        return ref.status

    return transactions.run(work)


def _call_a_person(booking: Booking, ref: ExternalRef) -> None:
    session = session_of(ref.status)
    is_ours = session is SessionStatus.CLOSED and not ref.written_hash
    if session in DONE and booking.status in (BookingStatus.CANCELLED, BookingStatus.NO_SHOW):
        kind, summary = (
            CaseKind.OUTSIDE_MISMATCH,
            f"The online session was completed, but the booking is {booking.status}.",
        )
    elif session in _CASES and booking.status in LIVE and not is_ours:
        kind, summary = _CASES[session]
    else:
        return
    open_case(
        kind=kind,
        key=f"proof:{ref.external_id}:{session.value}",
        subject=f"proof transaction:{ref.external_id}",
        summary=summary,
        repair="call_customer",
        booking_id=booking.pk,
    )


def _follow(booking_id: UUID, transaction: Transaction, *, is_done: bool, now: datetime) -> None:
    """Start the appointment when its session has begun, complete it when that is done."""
    status = Booking.objects.values_list("status", flat=True).get(pk=booking_id)
    try:
        if status == BookingStatus.CONFIRMED:
            start_booking(booking_id=booking_id, actor=PROOF, now=now)
            status = BookingStatus.IN_PROGRESS
        if is_done and status == BookingStatus.IN_PROGRESS:
            complete_booking(booking_id=booking_id, actor=PROOF, now=now)
    except InvalidStatusTransition as refusal:
        # Paid too little, or cancelled in this very moment: the session took place all the same.
        reason = refusal.message
        transactions.run(
            lambda: open_case(
                kind=CaseKind.OUTSIDE_MISMATCH,
                key=f"proof:{transaction.id}:refused",
                subject=f"proof transaction:{transaction.id}",
                summary=f"The online session takes place, but the booking cannot follow: {reason}",
                repair="call_customer",
                booking_id=booking_id,
            )
        )

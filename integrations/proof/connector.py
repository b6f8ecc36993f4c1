"""Bring Proof to what the booking is now: one open transaction, or none.

A draft is made when the booking stands; documents are added as they come; once everything is
there and paid, the signers are invited. What was sent cannot be changed: it is recalled, and a new
draft made. Everything here may be stopped between any two lines and run again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bookings.models import Booking
from bookings.sessions import DONE, ENDED, SessionStatus
from integrations.errors import ConnectorError, NoLongerWanted, Postponed
from integrations.models import ExternalRef, OutboxJob
from integrations.proof import client, holdings, mirroring
from integrations.proof.mapping import MEETING, Transaction, Wanted, wanted
from integrations.receipts import Receipt

PROCESSING_LOOK = timedelta(seconds=2)
_PROCESSING_PATIENCE = timedelta(minutes=15)


def deliver(job: OutboxJob, now: datetime) -> Receipt:
    """Do one sync job. Raises `Postponed`, `NoLongerWanted` and `ConnectorError`."""
    booking = Booking.objects.select_related("service").get(pk=job.booking_id)
    holdings.withdraw_twins(booking_id=booking.pk)
    ref, held = holdings.look(booking_id=booking.pk)
    if held is not None:
        # First what happened there: a session that took place is never taken back.
        mirroring.mirror(booking_id=booking.pk, transaction=held, now=now)
        if held.session in DONE:
            return _receipt(held)
        booking.refresh_from_db()
    wish = wanted(booking)
    if wish is None:
        return _close(booking, ref, held, now)
    if ref is None or held is None or _must_be_remade(ref, held, wish):
        ref, held = _remake(booking, ref, held, wish, now)
    if held.session in ENDED:
        return _receipt(held)
    if held.session is not SessionStatus.PREPARING:
        _confirm(booking, held, wish, now)
        return _receipt(held)
    held = _fill(booking, ref, held, wish, now)
    if wish.is_complete:
        held = _invite(job, held, now)
    _confirm(booking, held, wish, now)
    return _receipt(held)


def _must_be_remade(ref: ExternalRef, held: Transaction, wish: Wanted) -> bool:
    """Tell whether the transaction shows something else, and cannot be changed any more."""
    if held.session is SessionStatus.PREPARING:
        documents = holdings.documents_of(booking_id=wish.booking_id, transaction=held)
        return not set(documents) <= wish.document_ids
    return not holdings.is_written(ref=ref, transaction=held, wanted=wish)


def _remake(
    booking: Booking, ref: ExternalRef | None, held: Transaction | None, wish: Wanted, now: datetime
) -> tuple[ExternalRef, Transaction]:
    """Take back what is there, if anything, and make a new draft."""
    if wish.closes_at <= now:
        raise NoLongerWanted("the appointment is over")
    if ref is not None and not holdings.is_sought(ref):
        former = _withdraw(booking, ref, held, reason="changed")
        holdings.retire(
            booking_id=booking.pk,
            transaction_id=ref.external_id,
            status=former,
            version=ref.version,
        )
    holdings.begin(booking_id=booking.pk)
    made = client.create_draft(fields=wish.fields)
    kept = holdings.keep(
        booking_id=booking.pk, transaction=made, version=booking.version, written_hash=wish.hash
    )
    return kept, made


def _withdraw(booking: Booking, ref: ExternalRef, held: Transaction | None, *, reason: str) -> str:
    """Remove or recall a transaction and give its last status."""
    if held is None:
        return "deleted"
    if held.session in ENDED:
        return held.status
    if held.status in MEETING:
        raise ConnectorError("a session is going on, and cannot be taken back now")
    # Without the hash it can be told that its end was our doing, and that it is to be made anew.
    holdings.keep(booking_id=booking.pk, transaction=held, version=ref.version, written_hash="")
    holdings.withdraw(held, reason=reason)
    after = client.get(transaction_id=held.id)
    if after is not None and after.session not in ENDED:
        raise ConnectorError("the transaction is still open after its recall")
    return after.status if after else "deleted"


def _close(
    booking: Booking, ref: ExternalRef | None, held: Transaction | None, now: datetime
) -> Receipt:
    """See to it that nobody can enter a session of this booking any more."""
    if ref is None or holdings.is_sought(ref):
        return Receipt(note={"system": "proof", "status": "none"})
    status = _withdraw(booking, ref, held, reason=booking.status.lower())
    holdings.close(booking_id=booking.pk, ref=ref, status=status, version=booking.version)
    mirroring.show(booking_id=booking.pk, link="", status=SessionStatus.CLOSED, now=now)
    return Receipt(external_id=ref.external_id, note={"system": "proof", "status": status})


def _fill(
    booking: Booking, ref: ExternalRef, held: Transaction, wish: Wanted, now: datetime
) -> Transaction:
    """Bring a draft's fields and documents up to date."""
    if wish.closes_at <= now:
        raise NoLongerWanted("the appointment is over")
    if ref.written_hash != wish.hash:
        held = client.change_draft(transaction_id=held.id, fields=wish.fields)
        holdings.keep(
            booking_id=booking.pk, transaction=held, version=ref.version, written_hash=wish.hash
        )
    there = holdings.documents_of(booking_id=booking.pk, transaction=held)
    lacking = [one for one in wish.documents if str(one.pk) not in there]
    for document in lacking:
        held_id = client.add_document(transaction_id=held.id, document=document)
        holdings.keep_document(
            booking_id=booking.pk,
            document_id=document.pk,
            held_id=held_id,
            version=booking.version,
        )
    return (client.get(transaction_id=held.id) or held) if lacking else held


def _invite(job: OutboxJob, held: Transaction, now: datetime) -> Transaction:
    """Send the draft to its signers once Proof has worked through every document."""
    if any(one.has_failed for one in held.documents):
        raise ConnectorError("cannot read one of the documents", permanent=True)
    if not all(one.is_processed for one in held.documents):
        if now - job.created_at > _PROCESSING_PATIENCE:
            raise ConnectorError("has been processing the documents for a long time")
        raise Postponed("the documents are being processed", delay=PROCESSING_LOOK)
    client.activate(transaction_id=held.id)
    after = client.get(transaction_id=held.id)
    if after is None or after.session is SessionStatus.PREPARING:
        raise ConnectorError("the transaction is still a draft after its activation")
    return after


def _confirm(booking: Booking, held: Transaction, wish: Wanted, now: datetime) -> None:
    """Write down that the transaction shows this version, and show it to the customer."""
    after = mirroring.mirror(booking_id=booking.pk, transaction=held, now=now)
    # The mirror's own changes of the booking are shown already; anybody else's are not.
    is_same = after.version == booking.version + after.own_changes
    shown = after.version if is_same else booking.version
    holdings.keep(booking_id=booking.pk, transaction=held, version=shown, written_hash=wish.hash)


def _receipt(held: Transaction) -> Receipt:
    return Receipt(external_id=held.id, note={"system": "proof", "status": held.status})

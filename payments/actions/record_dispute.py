"""A customer's bank asks money back: freeze refunds, call a person, and count what it takes."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from uuid import UUID

from bookings.actions.record_dispute import record_dispute
from bookings.actions.record_refund import record_refund
from bookings.states import BookingStatus
from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case, settle_case
from hmnp.core.context import Actor
from hmnp.core.crashpoints import crashpoint
from hmnp.core.events import emit
from payments import doorbell
from payments import stripe_gateway as gateway
from payments.actions.request_refund import captured_of, given_back_of, new_refund
from payments.actors import STRIPE
from payments.events import DisputeClosed, DisputeOpened
from payments.ledger import refundable_cents
from payments.locks import LockedPayment, booking_counting, lock_payment
from payments.models import Dispute, Payment, Refund
from payments.provider import GatewayError, ProviderDispute
from payments.rows import set_refunded
from payments.states import DisputeState, RefundMethod, RefundState

logger = logging.getLogger(__name__)

# A dispute takes weeks; the webhook tells sooner.
_LOOK_AGAIN = timedelta(hours=6)


def read_dispute(*, provider_dispute_id: str, now: datetime) -> bool:
    """Ask Stripe about a dispute and record it; False when no payment of ours is meant.

    Raises `GatewayError`, `ServiceUnavailable`.
    """
    try:
        found = gateway.retrieve_dispute(provider_dispute_id=provider_dispute_id)
    except GatewayError as error:
        if error.code != "resource_missing":
            raise
        return False
    return record_provider_dispute(found=found, now=now)


def find_disputes(*, payment_id: UUID, now: datetime) -> None:
    """Record the disputes of a payment that Stripe will not refund because of one.

    Raises `GatewayError`, `ServiceUnavailable`.
    """
    intent_id = Payment.objects.values_list("provider_intent_id", flat=True).get(pk=payment_id)
    for found in gateway.disputes_of_intent(intent_id=intent_id or ""):
        record_provider_dispute(found=found, now=now)


def record_provider_dispute(
    *, found: ProviderDispute, now: datetime, actor: Actor = STRIPE
) -> bool:
    """Make our rows say what Stripe says of a dispute; order and repetition do not matter.

    False when no payment of ours is meant.
    """
    payment = Payment.objects.only("id").filter(provider_intent_id=found.intent_id).first()
    if payment is None or not found.intent_id:
        return False
    transactions.run(lambda: _record(payment.pk, found, actor, now))
    crashpoint("dispute.recorded")
    return True


def _record(payment_id: UUID, found: ProviderDispute, actor: Actor, now: datetime) -> None:
    locked = lock_payment(payment_id=payment_id)
    dispute, is_new = Dispute.objects.get_or_create(
        provider_dispute_id=found.id,
        defaults={
            "payment": locked.payment,
            "provider_status": found.status,
            "reason": found.reason[:60],
            "amount_cents": found.amount_cents,
            "opened_at": found.opened_at,
            "run_at": now + _LOOK_AGAIN,
            "updated_at": now,
        },
    )
    if is_new:
        _open(locked, dispute, actor, now)
    if dispute.state != DisputeState.OPEN:
        return
    dispute.provider_status = found.status
    dispute.run_at, dispute.updated_at = now + _LOOK_AGAIN, now
    if found.is_won or found.is_lost:
        dispute.state = (DisputeState.WON if found.is_won else DisputeState.LOST).value
        dispute.closed_at = now
    dispute.save()
    if found.is_lost:
        _count_loss(locked, dispute, actor, now)
    if dispute.state != DisputeState.OPEN:
        _close(locked, dispute, actor, now)


def _open(locked: LockedPayment, dispute: Dispute, actor: Actor, now: datetime) -> None:
    open_case(
        kind=CaseKind.DISPUTE,
        key=f"dispute:{dispute.pk}",
        subject=f"payment:{dispute.payment_id}",
        summary=f"The customer's bank asks the money back: {dispute.reason}.",
        repair="answer_at_stripe",
        booking_id=locked.payment.booking_id,
        amount_cents=dispute.amount_cents,
        dispute_id=dispute.provider_dispute_id,
    )
    _note(locked, dispute, actor, now)
    emit(
        DisputeOpened(
            payment_id=locked.payment.pk,
            booking_id=locked.payment.booking_id,
            amount_cents=dispute.amount_cents,
            dispute_id=dispute.pk,
        )
    )


def _close(locked: LockedPayment, dispute: Dispute, actor: Actor, now: datetime) -> None:
    is_won = dispute.state == DisputeState.WON
    how = "Won: the money stays." if is_won else "Lost: the bank has taken the money back."
    settle_case(kind=CaseKind.DISPUTE, key=f"dispute:{dispute.pk}", how=how)
    _note(locked, dispute, actor, now)
    booking = locked.booking
    if not is_won and booking is not None and booking.status == BookingStatus.CONFIRMED:
        open_case(
            kind=CaseKind.DISPUTE,
            key=f"dispute:{dispute.pk}:lost",
            subject=f"booking:{booking.pk}",
            summary="A dispute was lost, and the booking still stands without that money.",
            repair="cancel_or_collect",
            booking_id=booking.pk,
            amount_cents=dispute.amount_cents,
        )
    # What waited for the bank may go on.
    waiting = Refund.objects.filter(
        payment=locked.payment,
        method=RefundMethod.CARD.value,
        status=RefundState.REQUESTED.value,
    )
    for refund in waiting:
        Refund.objects.filter(pk=refund.pk).update(run_at=now)
        doorbell.ring(doorbell.SEND_REFUND, refund.pk)
    emit(
        DisputeClosed(
            payment_id=locked.payment.pk,
            booking_id=locked.payment.booking_id,
            amount_cents=dispute.amount_cents,
            dispute_id=dispute.pk,
            is_won=is_won,
        )
    )


def _count_loss(locked: LockedPayment, dispute: Dispute, actor: Actor, now: datetime) -> None:
    """Count what the bank took as given back; it stands for refunds that were still to be sent."""
    payment = locked.payment
    Refund.objects.filter(
        payment=payment, status=RefundState.REQUESTED.value, sent_at__isnull=True
    ).update(
        status=RefundState.FAILED.value,
        last_error="The bank has given it back in a dispute.",
        settled_at=now,
        updated_at=now,
    )
    known = [given_back_of(refund) for refund in Refund.objects.filter(payment=payment)]
    amount = min(dispute.amount_cents, refundable_cents(captured_of(payment), known))
    if not amount:
        logger.error("a lost dispute finds nothing left", extra={"dispute_id": str(dispute.pk)})
        return
    refund = new_refund(
        payment=payment,
        amount_cents=amount,
        reason_key=f"dispute-{dispute.pk}",
        method=RefundMethod.DISPUTE,
        now=now,
    )
    Refund.objects.filter(pk=refund.pk).update(status=RefundState.SUCCEEDED.value, settled_at=now)
    set_refunded(payment, payment.amount_refunded_cents + amount, now)
    booking = booking_counting(locked)
    if booking is not None:
        record_refund(
            booking=booking, refund_id=refund.pk, amount_cents=amount, actor=actor, now=now
        )


def _note(locked: LockedPayment, dispute: Dispute, actor: Actor, now: datetime) -> None:
    if locked.booking is not None:
        record_dispute(
            booking=locked.booking,
            dispute_id=dispute.pk,
            amount_cents=dispute.amount_cents,
            state=dispute.state,
            actor=actor,
            now=now,
        )

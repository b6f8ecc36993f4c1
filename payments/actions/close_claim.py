"""Let go of a time that was not paid for in time, but never before its intent is dead."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings.actions.begin_closing import begin_closing
from bookings.actions.finish_closing import finish_closing
from bookings.states import ClaimState
from hmnp.core import transactions
from hmnp.core.context import SYSTEM, Actor
from hmnp.core.crashpoints import crashpoint
from payments.actions.close_payment import close_payment
from payments.actions.request_refund import request_full_refund
from payments.locks import LockedClaim, lock_claim_with_payments
from payments.rows import change
from payments.states import CAPTURED_PAYMENTS, PaymentStatus


def close_claim(*, claim_id: UUID, now: datetime, actor: Actor = SYSTEM) -> None:
    """Close a PAYING claim past its time, or go on with one that is CLOSING.

    CLOSING is committed before Stripe is asked: from then on no intent opens. A claim that was
    paid for and that no booking has taken is freed and its payment refunded in one transaction.
    Raises `HoldNotFound`, `GatewayError`, `ServiceUnavailable`.
    """
    payment_id = transactions.run(lambda: _begin(claim_id, actor, now))
    if payment_id is not None:
        crashpoint("close.begun")
        close_payment(payment_id=payment_id, now=now, actor=actor)


def _begin(claim_id: UUID, actor: Actor, now: datetime) -> UUID | None:
    """Turn the claim CLOSING; give the payment that Stripe must be asked about, if there is one.

    Where Stripe knows of nothing open, the claim is freed here and now.
    """
    locked = lock_claim_with_payments(claim_id=claim_id)
    claim = locked.claim
    if claim.state not in (ClaimState.PAYING, ClaimState.CLOSING):
        return None
    was_paying = claim.state == ClaimState.PAYING
    is_over = claim.expires_at is not None and claim.expires_at <= transactions.database_now()
    if was_paying and not is_over:
        return None
    if not begin_closing(claim=claim):
        return None
    payment = next((payment for payment in locked.payments if payment.is_open), None)
    if payment is not None and payment.intent_requested_at is not None:
        if was_paying:
            # Should this process die now, the sweeper goes on at once.
            change(payment, now=now, run_at=now, attempts=0)
        return payment.pk
    if payment is not None:
        change(payment, now=now, status=PaymentStatus.CANCELLED.value)
    _refund_unclaimed(locked, now)
    finish_closing(claim=claim, booking=locked.booking, actor=actor, now=now)
    return None


def _refund_unclaimed(locked: LockedClaim, now: datetime) -> None:
    if locked.booking is not None:
        # Its money is the booking's; what the booking owes back is told by the booking.
        return
    for payment in locked.payments:
        if payment.status in CAPTURED_PAYMENTS:
            request_full_refund(payment=payment, reason_key="unclaimed", now=now)

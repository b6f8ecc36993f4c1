"""Do whatever an open payment needs next, as its rows say: the sweeper's one verb."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from bookings.states import ClaimState
from hmnp.core import transactions
from payments.actions.close_claim import close_claim
from payments.actions.close_payment import close_payment
from payments.actions.request_intent import is_payable, request_intent
from payments.actions.settle_payment import settle_payment
from payments.models import Payment
from payments.states import PaymentKind

logger = logging.getLogger(__name__)


def attend_payment(*, payment_id: UUID, now: datetime) -> None:
    """Finish what was begun, settle what is open, cancel what nobody needs any more.

    Raises `GatewayError`, `ServiceUnavailable`; the next try starts over.
    """
    payment = Payment.objects.select_related("booking", "claim").filter(pk=payment_id).first()
    if payment is None or not payment.is_open:
        return
    if _is_closing(payment) and payment.claim_id is not None:
        close_claim(claim_id=payment.claim_id, now=now)
    elif not _is_wanted(payment):
        close_payment(payment_id=payment_id, now=now)
    elif payment.intent_requested_at is None:
        # Nobody has asked to pay it yet.
        return
    elif payment.provider_intent_id is None:
        requested = request_intent(payment_id=payment_id, now=now)
        if not requested.is_payable:
            close_payment(payment_id=payment_id, now=now)
    else:
        settle_payment(payment_id=payment_id, now=now)


def _is_closing(payment: Payment) -> bool:
    claim = payment.claim
    if claim is None:
        return False
    if claim.state == ClaimState.PAYING:
        clock = transactions.database_now()
        return claim.expires_at is not None and claim.expires_at <= clock
    return claim.state == ClaimState.CLOSING


def _is_wanted(payment: Payment) -> bool:
    """Tell whether the payment is still for something that can be paid, and of that amount."""
    booking = payment.booking
    if payment.kind == PaymentKind.BALANCE and booking is not None:
        is_right = booking.balance_due_cents == payment.amount_cents
    else:
        is_right = True
    return is_right and is_payable(payment, booking=booking, claim=payment.claim)

"""End an open payment at Stripe; what came of it is settled like everything else."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from bookings.actions.finish_closing import finish_closing
from bookings.states import ClaimState
from hmnp.core import transactions
from hmnp.core.context import SYSTEM, Actor
from hmnp.core.crashpoints import crashpoint
from payments import stripe_gateway as gateway
from payments.actions.request_intent import request_intent
from payments.actions.settle_payment import settle_payment
from payments.locks import LockedPayment, lock_payment
from payments.models import Payment
from payments.provider import GatewayError
from payments.rows import change
from payments.states import PaymentStatus

logger = logging.getLogger(__name__)


def close_payment(*, payment_id: UUID, now: datetime, actor: Actor = SYSTEM) -> None:
    """Cancel a payment's intent if Stripe lets us, and settle whatever Stripe then says.

    Its claim, if it pays for one, must be CLOSING already (so that no other intent opens) and is
    released only once Stripe has confirmed. Raises `GatewayError`, `ServiceUnavailable`; then the
    next try starts over.
    """
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None or not payment.is_open:
        return
    if payment.intent_requested_at is None:
        transactions.run(lambda: _end_unrequested(payment_id, actor, now))
        return
    try:
        # Without a reference, repeating the create with the same key tells us which intent it is.
        intent_id = (
            payment.provider_intent_id or request_intent(payment_id=payment_id, now=now).intent.id
        )
    except GatewayError as error:
        if not error.permanent:
            raise
        logger.error("no intent can be opened", extra={"gateway_error": str(error)})
        transactions.run(lambda: _end_refused(payment_id, actor, now))
        return
    gateway.cancel_intent(intent_id=intent_id)
    crashpoint("close.cancelled")
    settle_payment(payment_id=payment_id, now=now)


def _end_unrequested(payment_id: UUID, actor: Actor, now: datetime) -> None:
    locked = lock_payment(payment_id=payment_id)
    if locked.payment.is_open and locked.payment.intent_requested_at is None:
        end_without_intent(locked, status=PaymentStatus.CANCELLED, actor=actor, now=now)


def _end_refused(payment_id: UUID, actor: Actor, now: datetime) -> None:
    locked = lock_payment(payment_id=payment_id)
    if locked.payment.is_open and locked.payment.provider_intent_id is None:
        end_without_intent(locked, status=PaymentStatus.FAILED, actor=actor, now=now)


def end_without_intent(
    locked: LockedPayment, *, status: PaymentStatus, actor: Actor, now: datetime
) -> None:
    """End a locked payment that Stripe knows nothing of, and free the time it was closing."""
    payment, claim = locked.payment, locked.claim
    change(payment, now=now, status=status.value)
    if claim is not None and claim.pk == payment.claim_id and claim.state == ClaimState.CLOSING:
        finish_closing(claim=claim, booking=locked.booking, actor=actor, now=now)

"""The customer says the card was charged: ask Stripe, and say what came of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bookings.errors import HoldExpired
from bookings.states import LIVE_CLAIM_STATES, ClaimState
from hmnp.core.context import Actor
from hmnp.core.errors import ServiceUnavailable
from payments.actions.settle_payment import settle_payment
from payments.actors import STRIPE
from payments.errors import PaymentFailed
from payments.models import Payment
from payments.provider import GatewayError, IntentStatus
from payments.states import CAPTURED_PAYMENTS, PaymentStatus

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ConfirmedPayment:
    """`is_settled`: the money has come; else it is still under way."""

    payment: Payment
    is_settled: bool


def confirm_payment(*, payment_id: UUID, now: datetime, actor: Actor = STRIPE) -> ConfirmedPayment:
    """Settle a payment and judge it; the caller's word counts for nothing.

    Raises `NotFound`, `PaymentFailed` when no money is on its way, `HoldExpired` when the time was
    let go unpaid, `ServiceUnavailable` when Stripe does not answer.
    """
    try:
        payment = settle_payment(payment_id=payment_id, now=now, actor=actor)
    except GatewayError as error:
        logger.warning("payment not settled", extra={"gateway_error": str(error)})
        raise ServiceUnavailable(
            "The payment could not be checked right now; please try again.", retry_after=5
        ) from None
    match payment.status:
        case status if status in CAPTURED_PAYMENTS:
            return ConfirmedPayment(payment=payment, is_settled=True)
        case PaymentStatus.CANCELLED if _has_lost_its_time(payment):
            raise HoldExpired
        case PaymentStatus.CANCELLED | PaymentStatus.FAILED:
            raise _failed(payment)
        case PaymentStatus.REQUIRES_PAYMENT if not _is_under_way(payment):
            raise _failed(payment)
        case _:
            return ConfirmedPayment(payment=payment, is_settled=False)


def _has_lost_its_time(payment: Payment) -> bool:
    claim = payment.claim
    return claim is not None and claim.state not in LIVE_CLAIM_STATES


def _is_under_way(payment: Payment) -> bool:
    """Tell whether the outcome is still open: the bank asks its customer, or a close is running."""
    claim = payment.claim
    if claim is not None and claim.state == ClaimState.CLOSING:
        return True
    return payment.provider_status in (
        IntentStatus.REQUIRES_ACTION,
        IntentStatus.REQUIRES_CONFIRMATION,
        IntentStatus.REQUIRES_CAPTURE,
    )


def _failed(payment: Payment) -> PaymentFailed:
    return PaymentFailed(details={"declineCode": payment.decline_code or None})

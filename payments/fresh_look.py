"""Compare one object with Stripe as it is right now; what only seemed to differ is let go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from payments.comparison import (
    REFUND_THERE,
    REFUND_UNKNOWN,
    Found,
    judge_intent,
    judge_refund,
    left_of,
)
from payments.ledger_sums import NOTHING, sums_of_payments
from payments.models import Payment
from payments.queries import payment_of_intent, refund_of_provider
from payments.stripe_listing import look_up_intent, look_up_refund, refunds_at_stripe

_LOOKS = 5


def look_at_intent(*, intent_id: str) -> Found | None:
    """Compare an intent with its payment. Raises `GatewayError`."""
    return _steady(lambda: _intent_now(intent_id))


def look_at_refund(*, provider_refund_id: str) -> Found | None:
    """Compare a refund of Stripe's with ours. Raises `GatewayError`."""
    return _steady(lambda: _refund_now(provider_refund_id))


def _steady(look: Callable[[], Found | None]) -> Found | None:
    """Look until two looks agree: between asking Stripe and reading our row money may move."""
    last: Found | None = None
    for _ in range(_LOOKS):
        found = look()
        if found is None or found == last:
            return found
        last = found
    return last


def _intent_now(intent_id: str) -> Found | None:
    intent = look_up_intent(intent_id=intent_id)
    named = intent.metadata.get("payment_id", "") if intent else ""
    payment = payment_of_intent(intent_id=intent_id, payment_id=named)
    booked = NOTHING
    if payment is not None:
        booked = sums_of_payments(payment_ids=[payment.pk]).get(payment.pk, NOTHING)
    found = judge_intent(intent_id=intent_id, intent=intent, payment=payment, booked=booked)
    if found is None or intent is None or found.repair not in (REFUND_UNKNOWN, REFUND_THERE):
        return found
    left = left_of(intent=intent, refunds=refunds_at_stripe(intent_id=intent_id))
    return replace(found, amount_cents=left) if left else None


def _refund_now(provider_refund_id: str) -> Found | None:
    found = look_up_refund(provider_refund_id=provider_refund_id)
    named = found.metadata.get("refund_id", "") if found else ""
    refund = refund_of_provider(provider_refund_id=provider_refund_id, refund_id=named)
    payment = None
    if refund is not None:
        payment = Payment.objects.get(pk=refund.payment_id)
    elif found is not None:
        payment = payment_of_intent(intent_id=found.intent_id)
    return judge_refund(
        provider_refund_id=provider_refund_id, found=found, refund=refund, payment=payment
    )

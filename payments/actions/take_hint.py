"""Act on what Stripe says has happened: look it up there, and settle."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from payments import stripe_gateway as gateway
from payments.actions.attend_payment import attend_payment
from payments.actions.record_dispute import read_dispute
from payments.actions.send_refund import record_provider_refund
from payments.actions.settle_payment import settle_payment
from payments.models import Refund
from payments.provider import StripeEvent
from payments.queries import payment_of_intent, refund_of_provider, refunds_of_intent


class HintOutcome(StrEnum):
    """UNKNOWN: about something we do not know, perhaps not yet. IGNORED: of no interest to us."""

    DONE = "DONE"
    UNKNOWN = "UNKNOWN"
    IGNORED = "IGNORED"


def take_hint(*, event: StripeEvent, now: datetime) -> HintOutcome:
    """Settle the payment or refund an event is about; its order and repetition do not matter.

    Raises `GatewayError`, `ServiceUnavailable`; the event is then to be taken again later.
    """
    match event.object_type:
        case "payment_intent":
            return _about_intent(event, now)
        case "refund":
            return _about_refund(event, now)
        case "charge" if event.type == "charge.refunded":
            return _about_refunded_charge(event, now)
        case "dispute":
            is_ours = read_dispute(provider_dispute_id=event.object_id, now=now)
            return HintOutcome.DONE if is_ours else HintOutcome.UNKNOWN
        case _:
            return HintOutcome.IGNORED


def _about_intent(event: StripeEvent, now: datetime) -> HintOutcome:
    payment = payment_of_intent(
        intent_id=event.intent_id, payment_id=event.metadata.get("payment_id", "")
    )
    if payment is None:
        return HintOutcome.UNKNOWN
    if payment.provider_intent_id is None:
        # The event overtook the answer that names the intent.
        attend_payment(payment_id=payment.pk, now=now)
    settle_payment(payment_id=payment.pk, now=now)
    return HintOutcome.DONE


def _about_refund(event: StripeEvent, now: datetime) -> HintOutcome:
    refund = refund_of_provider(
        provider_refund_id=event.object_id, refund_id=event.metadata.get("refund_id", "")
    )
    if refund is None:
        return HintOutcome.UNKNOWN
    _look_up(refund, event.object_id, now)
    return HintOutcome.DONE


def _about_refunded_charge(event: StripeEvent, now: datetime) -> HintOutcome:
    """Look at every refund of the charge; the event does not name which."""
    refunds = list(refunds_of_intent(intent_id=event.intent_id))
    for refund in refunds:
        _look_up(refund, str(refund.provider_refund_id), now)
    return HintOutcome.DONE if refunds else HintOutcome.UNKNOWN


def _look_up(refund: Refund, provider_refund_id: str, now: datetime) -> None:
    found = gateway.retrieve_refund(provider_refund_id=provider_refund_id)
    record_provider_refund(refund_id=refund.pk, found=found, now=now)

"""Give back money that no payment of ours asked for, once its grace time is over."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from hmnp.core.crashpoints import crashpoint
from hmnp.core.money import show
from payments import stripe_gateway as gateway
from payments.comparison import left_of
from payments.provider import GatewayError
from payments.queries import payment_of_intent
from payments.stripe_listing import charged_at, look_up_intent, refunds_at_stripe

logger = logging.getLogger(__name__)

# Time for a person to find out whose it is: another program's on the same account, say.
GRACE = timedelta(hours=24)
_KEYS = 3


def refund_unknown_charge(*, intent_id: str, now: datetime, grace: timedelta = GRACE) -> str:
    """Refund what is left of a charge that is none of ours; say what was done, "" when nothing.

    The idempotency key is made of the intent and what is left of it, so two at once refund once.
    Raises `GatewayError`.
    """
    intent = look_up_intent(intent_id=intent_id)
    if intent is None:
        return ""
    named = intent.metadata.get("payment_id", "")
    if payment_of_intent(intent_id=intent_id, payment_id=named) is not None:
        return ""
    taken_at = charged_at(intent_id=intent_id)
    if taken_at is None or (grace and taken_at + grace > now):
        return ""
    left = left_of(intent=intent, refunds=refunds_at_stripe(intent_id=intent_id))
    for number in range(1, _KEYS + 1):
        if not left:
            break
        key = f"unknown-{intent_id}-{left}" + (f"-{number}" if number > 1 else "")
        try:
            gateway.create_refund(
                intent_id=intent_id,
                amount_cents=left,
                idempotency_key=key,
                metadata={"unknown_charge": intent_id},
            )
            crashpoint("unknown.refunded")
            logger.warning(
                "unknown charge refunded", extra={"intent_id": intent_id, "amount_cents": left}
            )
            return f"Refunded {show(left)} at Stripe."
        except GatewayError as error:
            if not error.is_key_spent or number == _KEYS:
                raise
        # Stripe answers this key with its stored failure; perhaps the refund was made all the same.
        left = left_of(intent=intent, refunds=refunds_at_stripe(intent_id=intent_id))
    return "Refunded at Stripe."

"""Staff give a part of a payment back, or what is left of it."""

from __future__ import annotations

import uuid
from datetime import datetime
from uuid import UUID

from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.crashpoints import crashpoint
from payments.actions.request_refund import captured_of, given_back_of, request_refund
from payments.ledger import refundable_cents
from payments.locks import lock_payment
from payments.models import Refund
from payments.staff import amount_within, reason_of, who


def refund_payment(
    *,
    payment_id: UUID,
    amount_cents: int,
    reason: str,
    actor: Actor,
    now: datetime,
    request_key: str = "",
) -> Refund:
    """Promise `amount_cents` of a payment back, for a reason that stays on the refund.

    At most what was captured and is not promised back already. The same `request_key` promises
    once. Raises `NotFound`, and `ValidationFailed` on `amount` or `reason`.
    """
    why = reason_of(reason)
    key = f"staff-{request_key or uuid.uuid4()}"[:80]

    def work() -> Refund:
        payment = lock_payment(payment_id=payment_id).payment
        known = list(Refund.objects.filter(payment=payment))
        done = next((refund for refund in known if refund.reason_key == key), None)
        if done is not None:
            return done
        left = refundable_cents(captured_of(payment), [given_back_of(refund) for refund in known])
        amount = amount_within(
            amount_cents, most_cents=left, what="is left of this payment to give back"
        )
        [refund] = request_refund(
            payments=[payment],
            amount_cents=amount,
            reason_key=key,
            now=now,
            recorded_by=who(actor),
            note=why,
        )
        return refund

    refund = transactions.run(work)
    crashpoint("refund.promised")
    return refund

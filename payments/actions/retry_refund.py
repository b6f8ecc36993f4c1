"""Send again what the bank or Stripe did not take: the repair of a failed refund."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings.errors import InvalidStatusTransition
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.crashpoints import crashpoint
from payments import doorbell
from payments.actions.request_refund import captured_of, given_back_of, new_refund
from payments.ledger import refundable_cents
from payments.locks import lock_refund
from payments.models import Refund
from payments.refund_cases import settle_refund_case
from payments.staff import who
from payments.states import RefundMethod, RefundState


def retry_refund(*, refund_id: UUID, actor: Actor, now: datetime) -> Refund:
    """Promise a failed refund's amount again, under a key of its own; once for each failure.

    Raises `NotFound`, and `InvalidStatusTransition` when it has not failed, was replaced already,
    or its money is promised otherwise.
    """

    def work() -> Refund:
        locked, failed = lock_refund(refund_id=refund_id)
        key = f"again-{failed.pk}"
        known = list(Refund.objects.filter(payment=locked.payment))
        if failed.status != RefundState.FAILED or failed.method != RefundMethod.CARD:
            raise InvalidStatusTransition
        if any(refund.reason_key in (key, f"by-hand-{failed.pk}") for refund in known):
            raise InvalidStatusTransition("This refund has been replaced already.")
        left = refundable_cents(
            captured_of(locked.payment), [given_back_of(refund) for refund in known]
        )
        if failed.amount_cents > left:
            raise InvalidStatusTransition("Its money has been given back otherwise.")
        again = new_refund(
            payment=locked.payment,
            amount_cents=failed.amount_cents,
            reason_key=key,
            now=now,
            recorded_by=who(actor),
            note=failed.note,
        )
        settle_refund_case(refund=failed, how="Sent again.")
        doorbell.ring(doorbell.SEND_REFUND, again.pk)
        return again

    again = transactions.run(work)
    crashpoint("refund.repeated")
    return again

"""Promise money back: rows only; the job sends it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from datetime import datetime

from payments import doorbell
from payments.ledger import Captured, GivenBack, allocate
from payments.models import Payment, Refund
from payments.refund_cases import open_by_hand_case, open_uncovered_case
from payments.states import OFFLINE_METHODS, PaymentStatus, RefundMethod, RefundState

logger = logging.getLogger(__name__)


def request_refund(
    *,
    payments: Iterable[Payment],
    amount_cents: int,
    reason_key: str,
    now: datetime,
    recorded_by: str = "",
    note: str = "",
) -> list[Refund]:
    """Promise `amount_cents` of these locked payments back, in their order, inside a transaction.

    Cards first; what came by hand goes back by hand, and a case asks a person to. Never above
    what each has left: what they do not hold is a case too. The same `reason_key` on the same
    payment promises once, ever.
    """
    cards_first = sorted(payments, key=lambda payment: payment.method in OFFLINE_METHODS)
    by_id = {payment.pk: payment for payment in cards_first}
    known = list(Refund.objects.filter(payment_id__in=by_id))
    done = {refund.payment_id for refund in known if refund.reason_key == reason_key}
    if done:
        return [refund for refund in known if refund.reason_key == reason_key]
    shares = allocate(
        amount_cents=amount_cents,
        payments=[captured_of(payment) for payment in by_id.values()],
        refunds=[given_back_of(refund) for refund in known],
    )
    missing = amount_cents - sum(share.amount_cents for share in shares)
    if missing:
        logger.error(
            "refund exceeds what the provider holds of it",
            extra={"reason_key": reason_key, "missing_cents": missing},
        )
        booking_id = next((payment.booking_id for payment in by_id.values()), None)
        open_uncovered_case(booking_id=booking_id, reason_key=reason_key, missing_cents=missing)
    refunds = []
    for share in shares:
        refund = new_refund(
            payment=by_id[share.payment_id],
            amount_cents=share.amount_cents,
            reason_key=reason_key,
            now=now,
            recorded_by=recorded_by,
            note=note,
        )
        refunds.append(refund)
        if refund.method == RefundMethod.BY_HAND:
            open_by_hand_case(refund=refund, booking_id=refund.payment.booking_id)
        else:
            doorbell.ring(doorbell.SEND_REFUND, refund.pk)
    return refunds


def new_refund(
    *,
    payment: Payment,
    amount_cents: int,
    reason_key: str,
    now: datetime,
    recorded_by: str = "",
    note: str = "",
    method: RefundMethod | None = None,
) -> Refund:
    """Write one promise; its way back is the way the money came unless `method` says otherwise."""
    refund_id = uuid.uuid4()
    came_by_hand = payment.method in OFFLINE_METHODS
    usual = RefundMethod.BY_HAND if came_by_hand else RefundMethod.CARD
    return Refund.objects.create(
        id=refund_id,
        payment=payment,
        amount_cents=amount_cents,
        reason_key=reason_key,
        method=(method or usual).value,
        recorded_by=recorded_by,
        note=note,
        idempotency_key=f"rf-{refund_id}",
        run_at=now,
        requested_at=now,
        updated_at=now,
    )


def request_full_refund(*, payment: Payment, reason_key: str, now: datetime) -> list[Refund]:
    """Promise back all that a locked payment has left, inside a transaction."""
    known = [given_back_of(refund) for refund in Refund.objects.filter(payment=payment)]
    rest = sum(
        share.amount_cents
        for share in allocate(
            amount_cents=payment.amount_captured_cents,
            payments=[captured_of(payment)],
            refunds=known,
        )
    )
    if not rest:
        return []
    return request_refund(payments=[payment], amount_cents=rest, reason_key=reason_key, now=now)


def captured_of(payment: Payment) -> Captured:
    """Give a payment as the sums see it."""
    return Captured(
        payment_id=payment.pk,
        status=PaymentStatus(payment.status),
        captured_cents=payment.amount_captured_cents,
    )


def given_back_of(refund: Refund) -> GivenBack:
    """Give a refund as the sums see it."""
    return GivenBack(
        payment_id=refund.payment_id,
        status=RefundState(refund.status),
        amount_cents=refund.amount_cents,
    )

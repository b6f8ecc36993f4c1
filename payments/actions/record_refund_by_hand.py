"""Staff handed money over: for cash that is owed back, or for a card that would not take it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings.actions.record_refund import record_refund
from bookings.errors import InvalidStatusTransition
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.crashpoints import crashpoint
from hmnp.core.events import emit
from payments.actions.request_refund import captured_of, given_back_of, new_refund
from payments.events import RefundSent
from payments.ledger import refundable_cents
from payments.locks import LockedPayment, booking_counting, lock_refund
from payments.models import Refund
from payments.refund_cases import settle_refund_case
from payments.rows import set_refunded
from payments.staff import reason_of, who
from payments.states import RefundMethod, RefundState


def record_refund_by_hand(*, refund_id: UUID, note: str, actor: Actor, now: datetime) -> Refund:
    """Record that a refund's amount was handed over; `note` says how, and stays.

    A failed card refund is replaced by a row of its own, once. Raises `NotFound`,
    `ValidationFailed` without a note, `InvalidStatusTransition`.
    """
    how = reason_of(note)

    def work() -> Refund:
        locked, refund = lock_refund(refund_id=refund_id)
        given = refund
        if refund.method == RefundMethod.CARD and refund.status == RefundState.FAILED:
            given = _replacement(locked, refund, now)
        elif refund.method != RefundMethod.BY_HAND or refund.status != RefundState.REQUESTED:
            raise InvalidStatusTransition
        given.status = RefundState.SUCCEEDED.value
        given.settled_at = given.updated_at = now
        given.recorded_by, given.note = who(actor), how
        given.save()
        payment = locked.payment
        set_refunded(payment, payment.amount_refunded_cents + given.amount_cents, now)
        booking = booking_counting(locked)
        if booking is not None:
            record_refund(
                booking=booking,
                refund_id=given.pk,
                amount_cents=given.amount_cents,
                actor=actor,
                now=now,
            )
        settle_refund_case(refund=refund, how="Given back by hand.")
        emit(
            RefundSent(
                payment_id=payment.pk,
                booking_id=payment.booking_id,
                amount_cents=given.amount_cents,
                refund_id=given.pk,
            )
        )
        return given

    given = transactions.run(work)
    crashpoint("refund.handed")
    return given


def _replacement(locked: LockedPayment, failed: Refund, now: datetime) -> Refund:
    key = f"by-hand-{failed.pk}"
    known = list(Refund.objects.filter(payment=locked.payment))
    if any(refund.reason_key in (key, f"again-{failed.pk}") for refund in known):
        raise InvalidStatusTransition("This refund has been replaced already.")
    left = refundable_cents(
        captured_of(locked.payment), [given_back_of(refund) for refund in known]
    )
    if failed.amount_cents > left:
        raise InvalidStatusTransition("Its money has been given back otherwise.")
    return new_refund(
        payment=locked.payment,
        amount_cents=failed.amount_cents,
        reason_key=key,
        method=RefundMethod.BY_HAND,
        now=now,
    )

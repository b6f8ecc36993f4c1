"""What late money shares between its ends: the case about it, and the way back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings.actions.let_alternatives_go import let_alternatives_go
from hmnp.core.cases import CaseKind, open_case, settle_case
from hmnp.core.errors import NotFound
from payments.actions.request_refund import request_full_refund
from payments.locks import lock_payment
from payments.models import LateChoice, Payment
from payments.rows import change
from payments.states import LateChoiceState


def open_late_case(*, payment: Payment) -> None:
    """Have the desk see late money, in the transaction that recorded it."""
    open_case(
        kind=CaseKind.LATE_PAYMENT,
        key=_key(payment),
        subject=_key(payment),
        summary="Money came after its time was let go; it is being placed or given back.",
        repair="wait_for_choice",
        booking_id=payment.booking_id,
        amount_cents=payment.amount_captured_cents,
    )


def settle_late_case(*, payment: Payment, how: str) -> None:
    """Close the case, in the transaction that found the money its place."""
    settle_case(kind=CaseKind.LATE_PAYMENT, key=_key(payment), how=how)


def close_choice(*, choice: LateChoice, state: LateChoiceState, now: datetime) -> None:
    """Note how a locked open choice ended."""
    choice.state = state.value
    choice.decided_at = now
    choice.save(update_fields=["state", "decided_at"])


def give_back(*, choice_id: UUID, state: LateChoiceState, how: str, now: datetime) -> bool:
    """Free the kept times and promise all of the money back, inside the caller's transaction.

    First of its locks. False when the choice was closed already. Raises `NotFound`.
    """
    seen = LateChoice.objects.filter(pk=choice_id).first()
    if seen is None:
        raise NotFound
    let_alternatives_go(booking_id=seen.booking_id)
    payment = lock_payment(payment_id=seen.payment_id).payment
    choice = LateChoice.objects.select_for_update().get(pk=choice_id)
    if choice.state != LateChoiceState.OPEN:
        return False
    close_choice(choice=choice, state=state, now=now)
    change(payment, now=now, late_since=None)
    request_full_refund(payment=payment, reason_key="late", now=now)
    settle_late_case(payment=payment, how=how)
    return True


def _key(payment: Payment) -> str:
    return f"payment:{payment.pk}"

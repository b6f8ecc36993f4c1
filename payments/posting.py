"""Post every movement of money to the books, in the transaction that moved it.

A movement that is posted is left alone, so that stating it again changes nothing. The callers
hold the payment's lock.
"""

from __future__ import annotations

import uuid
from uuid import UUID

from django.db.models import Sum

from hmnp.core.events import subscribe
from payments.books import LedgerEntry
from payments.events import (
    DisputeClosed,
    DisputeOpened,
    PaymentEvent,
    PaymentSettled,
    RefundFailed,
    RefundSent,
)
from payments.models import Payment, Refund
from payments.states import Account, PaymentMethod, RefundMethod

_BOOKS = uuid.UUID("5c2e0c0e-0d3f-4d1b-9d55-1f4c3a7e9b10")

PAID_INTO = {
    PaymentMethod.CARD: Account.STRIPE,
    PaymentMethod.CASH: Account.HAND,
    PaymentMethod.CHEQUE: Account.HAND,
    PaymentMethod.FORMER: Account.FORMER,
}
_PAID_FROM = {
    RefundMethod.CARD: Account.STRIPE,
    RefundMethod.BY_HAND: Account.HAND,
    RefundMethod.DISPUTE: Account.DISPUTED,
}


def subscribe_all() -> None:
    """Subscribe to every fact that moves money."""
    subscribe(PaymentSettled, post_payment)
    subscribe(RefundSent, post_refund)
    subscribe(RefundFailed, post_returned_refund)
    subscribe(DisputeOpened, post_withdrawal)
    subscribe(DisputeClosed, post_decision)


def post_payment(event: PaymentSettled) -> None:
    """Money came: at Stripe, or into our staff's hands."""
    payment = Payment.objects.get(pk=event.payment_id)
    where = PAID_INTO[PaymentMethod(payment.method)]
    _post(
        f"payment:{payment.pk}:settled",
        event,
        {where: event.amount_cents, Account.CUSTOMER: -event.amount_cents},
    )


def post_refund(event: RefundSent) -> None:
    """Money went back, the way its refund says."""
    refund = Refund.objects.get(pk=event.refund_id)
    if posted_cents(refund_id=refund.pk):
        return
    where = _paid_from(refund)
    _post(
        f"refund:{refund.pk}:sent:{_times(refund.pk)}",
        event,
        {Account.CUSTOMER: event.amount_cents, where: -event.amount_cents},
        refund_id=refund.pk,
    )


def post_returned_refund(event: RefundFailed) -> None:
    """A refund that had gone out came back; one that never went out moved nothing."""
    refund = Refund.objects.get(pk=event.refund_id)
    posted = posted_cents(refund_id=refund.pk)
    if not posted:
        return
    where = _paid_from(refund)
    _post(
        f"refund:{refund.pk}:returned:{_times(refund.pk)}",
        event,
        {where: posted, Account.CUSTOMER: -posted},
        refund_id=refund.pk,
    )


def post_withdrawal(event: DisputeOpened) -> None:
    """A bank took money from our account at Stripe until it has decided."""
    _post(
        f"dispute:{event.dispute_id}:opened",
        event,
        {Account.DISPUTED: event.amount_cents, Account.STRIPE: -event.amount_cents},
    )


def post_decision(event: DisputeClosed) -> None:
    """Won: the money is at Stripe again. Lost: the customer has it, as its refund says."""
    movement = f"dispute:{event.dispute_id}:closed"
    if event.is_won:
        amounts = {Account.STRIPE: event.amount_cents, Account.DISPUTED: -event.amount_cents}
        _post(movement, event, amounts)
        return
    refund = Refund.objects.filter(
        payment=event.payment_id, reason_key=f"dispute-{event.dispute_id}"
    ).first()
    given = refund.amount_cents if refund and not posted_cents(refund_id=refund.pk) else 0
    lost = event.amount_cents - (refund.amount_cents if refund else 0)
    if refund and given:
        _post(
            movement,
            event,
            {Account.CUSTOMER: given, Account.DISPUTED: -given},
            refund_id=refund.pk,
        )
    if lost:
        # The bank took more than we still held of the payment.
        _post(f"{movement}:rest", event, {Account.LOSS: lost, Account.DISPUTED: -lost})


def _paid_from(refund: Refund) -> Account:
    """Give where the money went from; what was given back before, went where it had come to."""
    if refund.method == RefundMethod.FORMER:
        return PAID_INTO[PaymentMethod(refund.payment.method)]
    return _PAID_FROM[RefundMethod(refund.method)]


def posted_cents(*, refund_id: UUID) -> int:
    """Give what the books say has gone back by one refund; cents."""
    total: int = LedgerEntry.objects.filter(
        refund=refund_id, account=Account.CUSTOMER.value
    ).aggregate(cents=Sum("amount_cents", default=0))["cents"]
    return total


def movement_id(movement: str) -> UUID:
    """Give the id of a movement's group, by its name."""
    return uuid.uuid5(_BOOKS, movement)


def _times(refund_id: UUID) -> int:
    return LedgerEntry.objects.filter(refund=refund_id, account=Account.CUSTOMER.value).count()


def _post(
    movement: str,
    event: PaymentEvent,
    amounts: dict[Account, int],
    *,
    refund_id: UUID | None = None,
) -> None:
    occurred_at = Payment.objects.values_list("updated_at", flat=True).get(pk=event.payment_id)
    LedgerEntry.objects.bulk_create(
        [
            LedgerEntry(
                group_id=movement_id(movement),
                movement=movement,
                account=account.value,
                amount_cents=cents,
                payment_id=event.payment_id,
                refund_id=refund_id,
                booking_id=event.booking_id,
                occurred_at=occurred_at,
            )
            for account, cents in amounts.items()
        ],
        ignore_conflicts=True,
    )

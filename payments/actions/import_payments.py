"""Take over money from the system before this one: rows and books, many at a time.

Runs inside the caller's transaction, with the bookings; no fact is emitted. What names an intent
at Stripe is a card payment like ours, so that it is compared and refunded like ours; what names
none was taken by the system before.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hmnp.core.bulk import copy_in
from hmnp.core.context import FORMER
from payments.books import LedgerEntry
from payments.models import Payment, Refund
from payments.posting import PAID_INTO, movement_id
from payments.states import (
    CAPTURED_PAYMENTS,
    Account,
    PaymentKind,
    PaymentMethod,
    PaymentStatus,
    RefundMethod,
    RefundState,
)


@dataclass(frozen=True, slots=True)
class FormerPayment:
    """One payment; cents. `intent_id` is Stripe's, None when it names none."""

    id: UUID
    booking_id: UUID
    kind: PaymentKind
    method: PaymentMethod
    status: PaymentStatus
    amount_cents: int
    refunded_cents: int
    refund_reason_key: str
    intent_id: str | None
    recorded_by: str
    note: str
    created_at: datetime
    settled_at: datetime | None
    refunded_at: datetime | None

    @property
    def is_captured(self) -> bool:
        """Money came."""
        return self.status in CAPTURED_PAYMENTS

    @property
    def refund_id(self) -> UUID:
        """Name what was given back of it on this occasion, the same whenever it is asked."""
        return uuid.uuid5(self.id, f"refund:{self.refund_reason_key}")


def import_payments(*, payments: Sequence[FormerPayment]) -> None:
    """Write the payments, what was given back of them, and both into the books."""
    copy_in(model=Payment, rows=[_payment(one) for one in payments])
    post_came(payments=[one for one in payments if one.is_captured])
    give_back(payments=[one for one in payments if one.refunded_cents])


def post_came(*, payments: Sequence[FormerPayment]) -> None:
    """Post money that came, in the caller's transaction."""
    copy_in(model=LedgerEntry, rows=[entry for one in payments for entry in _came(one)])


def give_back(*, payments: Sequence[FormerPayment]) -> None:
    """Write and post `refunded_cents` of each as given back on its occasion."""
    copy_in(model=Refund, rows=[_refund(one) for one in payments])
    copy_in(model=LedgerEntry, rows=[entry for one in payments for entry in _went(one)])


def _payment(one: FormerPayment) -> dict[str, Any]:
    captured = one.amount_cents if one.is_captured else 0
    return {
        "id": one.id,
        "booking_id": one.booking_id,
        "kind": one.kind.value,
        "method": one.method.value,
        "recorded_by": one.recorded_by,
        "note": one.note,
        "status": one.status.value,
        "amount_cents": one.amount_cents,
        "amount_captured_cents": captured,
        "amount_refunded_cents": one.refunded_cents,
        "idempotency_key": f"{FORMER.id}-{one.id}",
        "provider_intent_id": one.intent_id,
        "run_at": one.created_at,
        "created_at": one.created_at,
        "updated_at": one.refunded_at or one.settled_at or one.created_at,
        "settled_at": one.settled_at if one.is_captured else None,
    }


def _refund(one: FormerPayment) -> dict[str, Any]:
    at = one.refunded_at or one.settled_at or one.created_at
    return {
        "id": one.refund_id,
        "payment_id": one.id,
        "amount_cents": one.refunded_cents,
        "reason_key": one.refund_reason_key,
        "method": RefundMethod.FORMER.value,
        "recorded_by": FORMER.id,
        "status": RefundState.SUCCEEDED.value,
        "idempotency_key": f"rf-{one.refund_id}",
        "run_at": at,
        "requested_at": at,
        "settled_at": at,
        "updated_at": at,
    }


def _came(one: FormerPayment) -> list[dict[str, Any]]:
    where = PAID_INTO[one.method]
    return _group(
        one,
        f"payment:{one.id}:settled",
        {where: one.amount_cents, Account.CUSTOMER: -one.amount_cents},
        at=one.settled_at or one.created_at,
        refund_id=None,
    )


def _went(one: FormerPayment) -> list[dict[str, Any]]:
    where = PAID_INTO[one.method]
    return _group(
        one,
        f"refund:{one.refund_id}:sent:0",
        {Account.CUSTOMER: one.refunded_cents, where: -one.refunded_cents},
        at=one.refunded_at or one.settled_at or one.created_at,
        refund_id=one.refund_id,
    )


def _group(
    one: FormerPayment,
    movement: str,
    amounts: dict[Account, int],
    *,
    at: datetime,
    refund_id: UUID | None,
) -> list[dict[str, Any]]:
    return [
        {
            "group_id": movement_id(movement),
            "movement": movement,
            "account": account.value,
            "amount_cents": cents,
            "payment_id": one.id,
            "refund_id": refund_id,
            "booking_id": one.booking_id,
            "occurred_at": at,
        }
        for account, cents in amounts.items()
    ]

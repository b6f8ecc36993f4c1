"""How a payment's row comes to be and changes: compare-and-swap on its version."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from bookings.models import Booking, SlotClaim
from hmnp.core.rows import Rows
from hmnp.core.transactions import RollBackAndRetry
from payments.models import Payment
from payments.states import PaymentKind, PaymentStatus


def add_payment(
    *,
    booking: Booking | None,
    claim: SlotClaim | None,
    kind: PaymentKind,
    amount_cents: int,
    now: datetime,
    rows: Rows | None = None,
) -> Payment:
    """Ask for an amount in cents, at once or with the `rows` that wait.

    Nothing is sent to the provider yet.
    """
    payment_id = uuid.uuid4()
    payment = Payment(
        id=payment_id,
        booking=booking,
        claim=claim,
        kind=kind.value,
        amount_cents=amount_cents,
        idempotency_key=f"pi-{payment_id}",
        run_at=now,
        created_at=now,
        updated_at=now,
    )
    if rows is None:
        payment.save(force_insert=True)
    else:
        rows.add(payment)
    return payment


def change(payment: Payment, *, now: datetime, **fields: Any) -> None:
    """Change a locked payment and raise its version.

    Raises `RollBackAndRetry` when it is not at the version that was read.
    """
    changed = Payment.objects.filter(pk=payment.pk, version=payment.version).update(
        version=payment.version + 1, updated_at=now, **fields
    )
    if changed != 1:
        raise RollBackAndRetry
    payment.version += 1
    payment.updated_at = now
    for name, value in fields.items():
        setattr(payment, name, value)


def kind_of_due(*, due_cents: int, price_cents: int) -> PaymentKind:
    """Tell whether what is due now is all of the price or a part of it."""
    return PaymentKind.FULL if due_cents >= price_cents else PaymentKind.DEPOSIT


def set_refunded(payment: Payment, refunded_cents: int, now: datetime) -> None:
    """Note what of a locked payment has really gone back, and what that makes of it."""
    if refunded_cents <= 0:
        status = PaymentStatus.SUCCEEDED
    elif refunded_cents < payment.amount_captured_cents:
        status = PaymentStatus.PARTIALLY_REFUNDED
    else:
        status = PaymentStatus.REFUNDED
    change(payment, now=now, status=status.value, amount_refunded_cents=refunded_cents)

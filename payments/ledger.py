"""Sums derived from rows: what was taken, given back, and may still be given back. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from payments.states import CAPTURED_PAYMENTS, PaymentStatus, RefundState


@dataclass(frozen=True)
class Captured:
    """One payment as the sums see it; cents."""

    payment_id: UUID
    status: PaymentStatus
    captured_cents: int


@dataclass(frozen=True)
class GivenBack:
    """One refund as the sums see it; cents."""

    payment_id: UUID
    status: RefundState
    amount_cents: int


@dataclass(frozen=True)
class Share:
    """What one payment contributes to a refund; cents, above 0."""

    payment_id: UUID
    amount_cents: int


def paid_cents(payments: Iterable[Captured]) -> int:
    """Give what was captured."""
    return sum(p.captured_cents for p in payments if p.status in CAPTURED_PAYMENTS)


def refunded_cents(refunds: Iterable[GivenBack]) -> int:
    """Give what has really gone back."""
    return sum(r.amount_cents for r in refunds if r.status is RefundState.SUCCEEDED)


def promised_cents(refunds: Iterable[GivenBack]) -> int:
    """Give what has gone back or will: every refund that has not failed."""
    return sum(r.amount_cents for r in refunds if r.status is not RefundState.FAILED)


def refundable_cents(payment: Captured, refunds: Iterable[GivenBack]) -> int:
    """Give what of `payment` is neither refunded nor promised; never below 0."""
    own = [refund for refund in refunds if refund.payment_id == payment.payment_id]
    return max(paid_cents([payment]) - promised_cents(own), 0)


def allocate(
    *, amount_cents: int, payments: Iterable[Captured], refunds: Iterable[GivenBack]
) -> list[Share]:
    """Spread a refund over `payments` in the order given, never above what each has left.

    The shares add up to less than `amount_cents` when the payments do not hold so much.
    """
    known = list(refunds)
    shares: list[Share] = []
    rest = amount_cents
    for payment in payments:
        part = min(rest, refundable_cents(payment, known))
        if part > 0:
            shares.append(Share(payment_id=payment.payment_id, amount_cents=part))
            rest -= part
    return shares

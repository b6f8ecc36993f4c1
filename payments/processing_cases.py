"""A bank that neither pays nor refuses: the time stays taken, and a person is called."""

from __future__ import annotations

from hmnp.core.cases import CaseKind, open_case, settle_case
from payments.models import Payment


def open_processing_case(*, payment: Payment) -> None:
    """Say that a payment is still under way past the longest a time is kept for it."""
    open_case(
        kind=CaseKind.PROCESSING_TOO_LONG,
        key=f"payment:{payment.pk}",
        subject=f"payment:{payment.pk}",
        summary="The bank has been working on this payment for over 45 minutes.",
        repair="ask_stripe_or_release",
        booking_id=payment.booking_id,
        amount_cents=payment.amount_cents,
        intent_id=payment.provider_intent_id or "",
    )


def settle_processing_case(*, payment: Payment, how: str) -> None:
    """Close it, in the transaction that found the outcome."""
    settle_case(kind=CaseKind.PROCESSING_TOO_LONG, key=f"payment:{payment.pk}", how=how)

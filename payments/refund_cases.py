"""Refunds that need a person: stated in the transaction that made them so."""

from __future__ import annotations

from uuid import UUID

from hmnp.core.cases import CaseKind, open_case, settle_case
from payments.models import Refund


def open_refund_case(*, refund: Refund, booking_id: UUID | None) -> None:
    """Say that a refund does not go through; it may be sent again or given by hand."""
    open_case(
        kind=CaseKind.REFUND_FAILED,
        key=_key(refund),
        subject=_key(refund),
        summary=f"A refund does not go through: {refund.last_error}"[:300],
        repair="send_again_or_by_hand",
        booking_id=booking_id,
        amount_cents=refund.amount_cents,
        attempts=refund.attempts,
    )


def open_by_hand_case(*, refund: Refund, booking_id: UUID | None) -> None:
    """Say that money which came by hand must go back by hand."""
    open_case(
        kind=CaseKind.REFUND_NOT_COVERED,
        key=_key(refund),
        subject=_key(refund),
        summary="Cash or a check is owed back; no card can take it.",
        repair="refund_by_hand",
        booking_id=booking_id,
        amount_cents=refund.amount_cents,
    )


def open_uncovered_case(*, booking_id: UUID | None, reason_key: str, missing_cents: int) -> None:
    """Say that more is owed back than any payment of the booking still holds."""
    key = f"booking:{booking_id}:{reason_key}"
    open_case(
        kind=CaseKind.REFUND_NOT_COVERED,
        key=key,
        subject=f"booking:{booking_id}",
        summary="More is owed back than the booking's payments hold.",
        repair="look_at_payments",
        booking_id=booking_id,
        missing_cents=missing_cents,
    )


def settle_refund_case(*, refund: Refund, how: str) -> None:
    """Close whatever was open about a refund."""
    for kind in (CaseKind.REFUND_FAILED, CaseKind.REFUND_NOT_COVERED):
        settle_case(kind=kind, key=_key(refund), how=how)


def _key(refund: Refund) -> str:
    return f"refund:{refund.pk}"

"""Count money that went back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings import timeline
from bookings.models import Booking
from bookings.states import RefundStatus, TimelineAction
from hmnp.core.context import Actor


def record_refund(
    *, booking: Booking, refund_id: UUID, amount_cents: int, actor: Actor, now: datetime
) -> None:
    """Add `amount_cents` to what a locked booking was refunded."""
    refunded = booking.amount_refunded_cents + amount_cents
    changes: dict[str, object] = {"amount_refunded_cents": refunded}
    left = booking.amount_paid_cents - refunded
    if booking.refund_status != RefundStatus.NONE and left <= booking.cancel_kept_cents:
        changes["refund_status"] = RefundStatus.SUCCEEDED.value
    timeline.apply(
        booking=booking,
        action=TimelineAction.REFUNDED,
        actor=actor,
        now=now,
        changes=changes,
        metadata={"refundId": refund_id, "amountCents": amount_cents},
    )


def record_refund_failure(
    *, booking: Booking, refund_id: UUID, reason: str, actor: Actor, now: datetime
) -> None:
    """Say that a locked booking's refund failed; it is tried again, or a person is called."""
    is_shown = booking.refund_status != RefundStatus.NONE
    timeline.apply(
        booking=booking,
        action=TimelineAction.REFUNDED,
        actor=actor,
        now=now,
        changes={"refund_status": RefundStatus.FAILED.value} if is_shown else {},
        metadata={"refundId": refund_id, "failed": True, "reason": reason},
    )


def reverse_refund(
    *, booking: Booking, refund_id: UUID, amount_cents: int, actor: Actor, now: datetime
) -> None:
    """Take a refund back that the bank returned: the money is ours to pay out again."""
    changes: dict[str, object] = {
        "amount_refunded_cents": max(booking.amount_refunded_cents - amount_cents, 0)
    }
    if booking.refund_status != RefundStatus.NONE:
        changes["refund_status"] = RefundStatus.FAILED.value
    timeline.apply(
        booking=booking,
        action=TimelineAction.REFUNDED,
        actor=actor,
        now=now,
        changes=changes,
        metadata={"refundId": refund_id, "amountCents": -amount_cents, "failed": True},
    )

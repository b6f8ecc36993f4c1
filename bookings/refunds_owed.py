"""What goes back to a customer, stated in one place; payments hears it and promises the money."""

from __future__ import annotations

from typing import Any

from bookings.events import RefundOwed
from bookings.models import Booking
from bookings.policy import Settlement
from bookings.states import RefundStatus
from hmnp.core.context import Actor
from hmnp.core.events import emit


def owe_refund(*, booking: Booking, actor: Actor, amount_cents: int, reason_key: str) -> None:
    """State that `amount_cents` of what was paid go back, if that is anything at all."""
    if amount_cents > 0:
        emit(
            RefundOwed(
                booking_id=booking.pk,
                version=booking.version,
                actor=actor,
                amount_cents=amount_cents,
                reason_key=reason_key,
            )
        )


def owe_excess(*, booking: Booking, actor: Actor, reason_key: str) -> None:
    """State that what was paid above the price goes back, if anything was."""
    excess_cents = booking.net_paid_cents - booking.price_cents
    owe_refund(booking=booking, actor=actor, amount_cents=excess_cents, reason_key=reason_key)


def settlement_changes(settlement: Settlement) -> dict[str, Any]:
    """Give the booking's fields that say what a settlement keeps and gives back."""
    owed = RefundStatus.PENDING if settlement.refund_cents else RefundStatus.NONE
    return {
        "cancel_tier": settlement.tier,
        "cancel_kept_cents": settlement.kept_cents,
        "cancel_refund_cents": settlement.refund_cents,
        "refund_status": owed.value,
    }

"""Say on a booking's timeline what its customer's bank did about a payment."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings import timeline
from bookings.models import Booking
from bookings.states import TimelineAction
from hmnp.core.context import Actor


def record_dispute(
    *,
    booking: Booking,
    dispute_id: UUID,
    amount_cents: int,
    state: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Note that a dispute about `amount_cents` was opened, won or lost; nothing else changes."""
    timeline.record(
        booking=booking,
        action=TimelineAction.UPDATED,
        actor=actor,
        now=now,
        metadata={"disputeId": dispute_id, "amountCents": amount_cents, "dispute": state},
    )

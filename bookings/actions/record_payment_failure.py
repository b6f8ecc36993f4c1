"""Remember that a card was declined."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings import timeline
from bookings.models import Booking
from bookings.states import TimelineAction
from hmnp.core.context import Actor


def record_payment_failure(
    *, booking: Booking, payment_id: UUID, decline_code: str, actor: Actor, now: datetime
) -> None:
    """Put a decline on the timeline; the claim stays, another card may be tried."""
    timeline.record(
        booking=booking,
        action=TimelineAction.PAYMENT_FAILED,
        actor=actor,
        now=now,
        metadata={"paymentId": payment_id, "declineCode": decline_code},
    )

"""Decide which of two systems tells the customer, and everybody outside, about a booking."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings import timeline
from bookings.locks import lock_booking
from bookings.models import Booking
from bookings.states import TimelineAction
from hmnp.core.context import Actor


def hand_over(
    *, booking_id: UUID, is_told_elsewhere: bool, actor: Actor, now: datetime
) -> Booking | None:
    """Give the booking if it changed hands, inside the caller's transaction. Raises `NotFound`.

    Only one that came from the system before this one can be told there.
    """
    booking = lock_booking(booking_id=booking_id).booking
    if booking.imported_at is None or booking.is_told_elsewhere == is_told_elsewhere:
        return None
    timeline.apply(
        booking=booking,
        action=TimelineAction.UPDATED,
        actor=actor,
        now=now,
        changes={"is_told_elsewhere": is_told_elsewhere},
    )
    return booking

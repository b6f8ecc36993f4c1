"""Keep what the remote session's provider says, where customers can see it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings import locks, timeline
from bookings.models import Booking
from bookings.states import TimelineAction
from hmnp.core import transactions
from hmnp.core.context import Actor


def record_ron_session(
    *, booking_id: UUID, join_url: str, status: str, actor: Actor, now: datetime
) -> Booking:
    """Write the session's link and status if they changed. Raises `NotFound`."""

    def work() -> Booking:
        booking = locks.lock_booking(booking_id=booking_id).booking
        if (booking.ron_join_url, booking.ron_status) != (join_url, status):
            timeline.apply(
                booking=booking,
                action=TimelineAction.INTEGRATION_SYNCED,
                actor=actor,
                now=now,
                changes={"ron_join_url": join_url, "ron_status": status},
            )
        return booking

    return transactions.run(work)

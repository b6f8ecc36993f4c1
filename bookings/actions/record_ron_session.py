"""Keep what the remote session's provider says, where customers can see it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings import locks, timeline
from bookings.events import IdentityCheckFailed
from bookings.models import Booking
from bookings.sessions import SessionStatus
from bookings.states import TimelineAction
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.events import emit


def record_ron_session(
    *, booking_id: UUID, join_url: str, status: SessionStatus, actor: Actor, now: datetime
) -> Booking:
    """Write the session's link and status if they changed. Raises `NotFound`."""

    def work() -> Booking:
        booking = locks.lock_booking(booking_id=booking_id).booking
        if (booking.ron_join_url, booking.ron_status) == (join_url, status.value):
            return booking
        is_new_failure = (
            status is SessionStatus.IDENTITY_FAILED and booking.ron_status != status.value
        )
        timeline.apply(
            booking=booking,
            action=TimelineAction.INTEGRATION_SYNCED,
            actor=actor,
            now=now,
            changes={"ron_join_url": join_url, "ron_status": status.value},
        )
        if is_new_failure:
            emit(IdentityCheckFailed(booking_id=booking.pk, version=booking.version, actor=actor))
        return booking

    return transactions.run(work)

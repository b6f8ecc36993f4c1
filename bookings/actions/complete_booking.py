"""The work is done."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings import locks, timeline
from bookings.errors import InvalidStatusTransition
from bookings.events import BookingCompleted
from bookings.models import Booking
from bookings.states import BookingStatus, TimelineAction, may_move
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.events import emit


def complete_booking(*, booking_id: UUID, actor: Actor, now: datetime) -> Booking:
    """Complete an appointment in progress. Raises `NotFound`, `InvalidStatusTransition`.

    Its claim stays: the notary drives on from there.
    """

    def work() -> Booking:
        booking = locks.lock_booking(booking_id=booking_id).booking
        if not may_move(source=BookingStatus(booking.status), target=BookingStatus.COMPLETED):
            raise InvalidStatusTransition
        timeline.apply(
            booking=booking,
            action=TimelineAction.COMPLETED,
            actor=actor,
            now=now,
            changes={"status": BookingStatus.COMPLETED.value},
        )
        emit(BookingCompleted(booking_id=booking.pk, version=booking.version, actor=actor))
        return booking

    return transactions.run(work)

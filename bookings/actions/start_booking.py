"""The notary is with the customer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings import locks, timeline
from bookings.errors import InvalidStatusTransition
from bookings.events import BookingStarted
from bookings.models import Booking
from bookings.states import BookingStatus, TimelineAction, may_move
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.events import emit
from services.definitions import ServiceType


def start_booking(*, booking_id: UUID, actor: Actor, now: datetime) -> Booking:
    """Start the appointment; a remote session only once its balance is paid.

    Raises `NotFound`, `InvalidStatusTransition`.
    """

    def work() -> Booking:
        booking = locks.lock_booking(booking_id=booking_id).booking
        if not may_move(source=BookingStatus(booking.status), target=BookingStatus.IN_PROGRESS):
            raise InvalidStatusTransition
        if booking.service.type == ServiceType.RON and booking.balance_due_cents:
            raise InvalidStatusTransition("The balance must be paid before the session.")
        timeline.apply(
            booking=booking,
            action=TimelineAction.STARTED,
            actor=actor,
            now=now,
            changes={"status": BookingStatus.IN_PROGRESS.value},
        )
        emit(BookingStarted(booking_id=booking.pk, version=booking.version, actor=actor))
        return booking

    return transactions.run(work)

"""The customer was not there."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings import locks, timeline
from bookings.errors import InvalidStatusTransition
from bookings.events import BookingNoShow
from bookings.models import Booking
from bookings.policy import NO_SHOW, Policy, settle
from bookings.refunds_owed import owe_refund, settlement_changes
from bookings.states import BookingStatus, TimelineAction, may_move
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.events import emit


def mark_no_show(*, booking_id: UUID, actor: Actor, now: datetime) -> Booking:
    """Close the booking by the no-show tier; what it does not keep goes back.

    Raises `NotFound`, `InvalidStatusTransition` (also before the appointment's start).
    """

    def work() -> Booking:
        booking = locks.lock_booking(booking_id=booking_id).booking
        if not may_move(source=BookingStatus(booking.status), target=BookingStatus.NO_SHOW):
            raise InvalidStatusTransition
        if booking.starts_at > now:
            raise InvalidStatusTransition("The appointment has not begun yet.")
        settlement = settle(
            tier=Policy.from_snapshot(booking.policy).tier(NO_SHOW),
            net_paid_cents=booking.net_paid_cents,
            travel_fee_cents=booking.pricing["travel_fee_cents"],
        )
        timeline.apply(
            booking=booking,
            action=TimelineAction.NO_SHOW,
            actor=actor,
            now=now,
            changes={
                "status": BookingStatus.NO_SHOW.value,
                **settlement_changes(settlement),
            },
        )
        emit(BookingNoShow(booking_id=booking.pk, version=booking.version, actor=actor))
        owe_refund(
            booking=booking,
            actor=actor,
            amount_cents=settlement.refund_cents,
            reason_key="no_show",
        )
        return booking

    return transactions.run(work)

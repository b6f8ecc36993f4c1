"""Let a booking stand although the amount due was not paid."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings import locks, timeline
from bookings.actions.confirm_booking import confirm_booking
from bookings.errors import InvalidStatusTransition
from bookings.models import Booking
from bookings.states import BookingStatus, TimelineAction
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.errors import Fault, ValidationFailed


def waive_deposit(*, booking_id: UUID, reason: str, actor: Actor, now: datetime) -> Booking:
    """Confirm a booking that waits for money, for a reason that stays on its timeline.

    The price does not change: it is all in the balance. Raises `NotFound`, `ValidationFailed`
    without a reason, `InvalidStatusTransition`.
    """
    if not reason.strip():
        raise ValidationFailed(Fault("reason", "required", "Say why nothing is due now."))

    def work() -> Booking:
        locked = locks.lock_booking(booking_id=booking_id)
        booking, claim = locked.booking, locked.claim
        if booking.status != BookingStatus.PENDING_PAYMENT or claim is None:
            raise InvalidStatusTransition
        timeline.apply(
            booking=booking,
            action=TimelineAction.DEPOSIT_WAIVED,
            actor=actor,
            now=now,
            changes={"deposit_waived_reason": reason.strip(), "due_now_cents": 0},
        )
        confirm_booking(booking=booking, claim=claim, actor=actor, now=now)
        return booking

    return transactions.run(work)

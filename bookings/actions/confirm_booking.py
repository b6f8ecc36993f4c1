"""Make an appointment stand."""

from __future__ import annotations

from datetime import datetime

from bookings import claims, timeline
from bookings.errors import InvalidStatusTransition
from bookings.events import BookingConfirmed, NewBooking
from bookings.models import Booking, SlotClaim
from bookings.states import BookingStatus, ClaimState, TimelineAction, may_move
from hmnp.core.context import Actor
from hmnp.core.events import emit


def confirm_booking(
    *,
    booking: Booking,
    claim: SlotClaim,
    actor: Actor,
    now: datetime,
    new: NewBooking | None = None,
) -> None:
    """Confirm a locked booking and book its claim; the caller has seen to the money.

    A `new` one is written as it is then. Raises `InvalidStatusTransition` when the table or the
    claim does not allow it.
    """
    if not may_move(source=BookingStatus(booking.status), target=BookingStatus.CONFIRMED):
        raise InvalidStatusTransition
    rows = new.rows if new else None
    claim.expires_at = None
    if not claims.turn(
        claim=claim,
        source=(ClaimState.HELD, ClaimState.PAYING, ClaimState.CLOSING, ClaimState.BOOKED),
        target=ClaimState.BOOKED,
        rows=rows,
    ):
        raise InvalidStatusTransition
    timeline.apply(
        booking=booking,
        action=TimelineAction.CONFIRMED,
        actor=actor,
        now=now,
        changes={
            "status": BookingStatus.CONFIRMED.value,
            "notary_id": claim.notary_id,
            "confirmed_at": now,
            "expires_at": None,
        },
        rows=rows,
    )
    emit(BookingConfirmed(booking_id=booking.pk, version=booking.version, actor=actor, new=new))

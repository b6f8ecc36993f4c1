"""Make an appointment stand."""

from __future__ import annotations

from datetime import datetime

from bookings import claims, timeline
from bookings.errors import InvalidStatusTransition
from bookings.events import BookingConfirmed
from bookings.models import Booking, SlotClaim
from bookings.states import BookingStatus, ClaimState, TimelineAction, may_move
from hmnp.core.context import Actor
from hmnp.core.events import emit


def confirm_booking(*, booking: Booking, claim: SlotClaim, actor: Actor, now: datetime) -> None:
    """Confirm a locked booking and book its claim; the caller has seen to the money.

    Raises `InvalidStatusTransition` when the table or the claim does not allow it.
    """
    if not may_move(source=BookingStatus(booking.status), target=BookingStatus.CONFIRMED):
        raise InvalidStatusTransition
    claim.expires_at = None
    if not claims.turn(
        claim=claim,
        source=(ClaimState.HELD, ClaimState.PAYING, ClaimState.CLOSING, ClaimState.BOOKED),
        target=ClaimState.BOOKED,
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
    )
    emit(BookingConfirmed(booking_id=booking.pk, version=booking.version, actor=actor))

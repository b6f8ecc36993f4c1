"""Let go of a claim whose payment can no longer succeed."""

from __future__ import annotations

from datetime import datetime

from bookings import claims, promotions, timeline
from bookings.events import BookingExpired
from bookings.models import Booking, SlotClaim
from bookings.states import BookingStatus, ClaimState, TimelineAction
from hmnp.core.context import Actor
from hmnp.core.events import emit
from services.catalogue import require_service


def finish_closing(
    *, claim: SlotClaim, booking: Booking | None, actor: Actor, now: datetime
) -> None:
    """Release a locked CLOSING claim; a booking that waited for the money expires with it."""
    if claim.state != ClaimState.CLOSING:
        return
    claims.release(claim=claim, service=require_service(id_or_slug=claim.service_id))
    if booking is None or booking.status != BookingStatus.PENDING_PAYMENT:
        return
    timeline.apply(
        booking=booking,
        action=TimelineAction.EXPIRED,
        actor=actor,
        now=now,
        changes={"status": BookingStatus.EXPIRED.value, "expires_at": None},
    )
    promotions.give_back(booking=booking, now=now)
    emit(BookingExpired(booking_id=booking.pk, version=booking.version, actor=actor))

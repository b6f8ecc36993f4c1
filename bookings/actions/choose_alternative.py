"""Take one of the times that were kept, and let the others go, in one transaction."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings import courtesy, locks, promotions, timeline
from bookings.actions.confirm_booking import confirm_booking
from bookings.errors import HoldExpired, InvalidStatusTransition
from bookings.models import Booking, SlotClaim
from bookings.refunds_owed import owe_excess
from bookings.states import BookingStatus, TimelineAction
from hmnp.core.context import Actor


def choose_alternative(*, booking_id: UUID, claim_id: UUID, actor: Actor, now: datetime) -> Booking:
    """Confirm an expired, paid booking at a kept time; its price stays what was paid for.

    Runs inside the caller's transaction, before anything else is locked. Raises `NotFound`,
    `InvalidStatusTransition`, and `HoldExpired` when the time is not kept any more.
    """
    kept = courtesy.lock_courtesy_holds(booking_id=booking_id)
    booking = locks.lock_booking_row(booking_id=booking_id)
    if booking.status != BookingStatus.EXPIRED:
        raise InvalidStatusTransition
    chosen = next((claim for claim in kept if claim.pk == claim_id), None)
    if chosen is None:
        raise HoldExpired
    courtesy.release_kept([claim for claim in kept if claim.pk != claim_id])
    chosen.booking_id = booking.pk
    SlotClaim.objects.filter(pk=chosen.pk).update(booking=booking)
    timeline.apply(
        booking=booking,
        action=TimelineAction.RESCHEDULED,
        actor=actor,
        now=now,
        changes={
            "starts_at": chosen.starts_at,
            "ends_at": chosen.ends_at,
            "notary_id": chosen.notary_id,
            "tier_starts_at": chosen.starts_at,
        },
    )
    promotions.count_again(booking=booking, now=now)
    confirm_booking(booking=booking, claim=chosen, actor=actor, now=now)
    owe_excess(booking=booking, actor=actor, reason_key=f"excess-{booking.version}")
    return booking

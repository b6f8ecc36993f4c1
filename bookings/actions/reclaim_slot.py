"""Win the same time again for money that came too late."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings import claims, locks, promotions
from bookings.actions.confirm_booking import confirm_booking
from bookings.errors import SlotTaken, SlotUnavailable
from bookings.models import Booking
from bookings.quoting import booked_facts
from bookings.refunds_owed import owe_excess
from bookings.slots import win
from bookings.states import BookingStatus, ClaimState
from hmnp.core.context import Actor
from services.catalogue import require_service

_WAITING = (BookingStatus.EXPIRED, BookingStatus.PENDING_PAYMENT)


def reclaim_slot(*, booking_id: UUID, actor: Actor, now: datetime) -> bool:
    """Claim a paid booking's own time again, same notary else another, and confirm it.

    True when the booking stands, also if it did before; False when the time cannot be had or the
    money is not enough. Opens its own transactions.
    """
    booking = Booking.objects.get(pk=booking_id)
    if booking.status not in _WAITING:
        return booking.status == BookingStatus.CONFIRMED
    if booking.net_paid_cents < booking.due_now_cents or booking.starts_at <= now:
        return False
    service = require_service(id_or_slug=booking.service_id)

    def attempt(notary_id: int) -> bool:
        locked = locks.lock_booking(booking_id=booking_id, also_notary=notary_id)
        current = locked.booking
        if current.status not in _WAITING or locked.claim is not None:
            return current.status == BookingStatus.CONFIRMED
        claim = claims.take(
            facts=booked_facts(booking=current, service=service, starts_at=current.starts_at),
            notary_id=notary_id,
            holder_key=f"booking:{booking_id}",
            state=ClaimState.HELD,
            booking_id=booking_id,
        )
        promotions.count_again(booking=current, now=now)
        confirm_booking(booking=current, claim=claim, actor=actor, now=now)
        owe_excess(booking=current, actor=actor, reason_key=f"excess-{current.version}")
        return True

    # The notice was kept when the slot was first claimed; it is judged as of then.
    try:
        return win(
            service=service,
            starts_at=booking.starts_at,
            zip_code=booking.zip_code or None,
            now=min(booking.created_at, now),
            attempt=attempt,
            own_notary=booking.notary_id,
        )
    except (SlotTaken, SlotUnavailable):
        return False

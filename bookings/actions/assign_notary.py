"""Give an appointment to another notary, same time."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings import claims, locks, timeline
from bookings.claims import ClaimFacts, Occupied
from bookings.errors import InvalidStatusTransition, SlotTaken
from bookings.events import BookingAssigned
from bookings.models import Booking
from bookings.states import LIVE_STATUSES, BookingStatus, TimelineAction
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.events import emit
from services.catalogue import require_service


def assign_notary(*, booking_id: UUID, notary_id: int, actor: Actor, now: datetime) -> Booking:
    """Move a live booking's claim to another notary's calendar, if it fits there.

    Raises `NotFound`, `InvalidStatusTransition`, `SlotTaken` with `details.reason`.
    """

    def work() -> Booking:
        locked = locks.lock_booking(booking_id=booking_id, also_notary=notary_id)
        booking, claim = locked.booking, locked.claim
        if BookingStatus(booking.status) not in LIVE_STATUSES or claim is None:
            raise InvalidStatusTransition
        previous = booking.notary_id
        if previous == notary_id:
            return booking
        facts = ClaimFacts(
            service=require_service(id_or_slug=claim.service_id),
            starts_at=claim.starts_at,
            customer_zip=claim.customer_zip or None,
            signers=claim.signers,
            documents=claim.documents,
            promo_code=claim.promo_code,
            is_emergency=claim.is_emergency,
            pricing=claim.pricing,
        )
        claims.move(claim=claim, facts=facts, notary_id=notary_id)
        timeline.apply(
            booking=booking,
            action=TimelineAction.ASSIGNED,
            actor=actor,
            now=now,
            changes={"notary_id": notary_id},
        )
        emit(
            BookingAssigned(
                booking_id=booking.pk,
                version=booking.version,
                actor=actor,
                previous_notary_id=previous,
            )
        )
        return booking

    try:
        return transactions.run(work)
    except Occupied as occupied:
        raise SlotTaken(
            "This notary cannot take the appointment.",
            details={"reason": occupied.reason.value},
        ) from occupied

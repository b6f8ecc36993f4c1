"""Keep the nearest free times for a customer whose own time went while their money was coming."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from bookings import claims, locks
from bookings.availability import rank
from bookings.claims import Occupied
from bookings.courtesy import courtesy_holds, courtesy_key
from bookings.models import Booking, SlotClaim
from bookings.quoting import booked_facts
from bookings.schedules import load
from bookings.slots import ALTERNATIVES, Slot, free_slots
from bookings.states import BookingStatus, ClaimState
from hmnp.core import transactions
from hmnp.core.times import local_date
from services.catalogue import require_service
from services.definitions import ServiceDefinition

# How far around the lost time we look: the days before it that are left, and a week after.
_DAYS_BEFORE = 2
_DAYS_AFTER = 7


def hold_alternatives(*, booking_id: UUID, until: datetime, now: datetime) -> list[SlotClaim]:
    """Hold up to three feasible times nearest to an expired booking's own, all until `until`.

    Each in a transaction of its own, since each may be another notary's; running it again after a
    crash goes on where it stopped. They count against nobody's cap, and their end is not moved.
    """
    booking = Booking.objects.get(pk=booking_id)
    if booking.status != BookingStatus.EXPIRED:
        return []
    service = require_service(id_or_slug=booking.service_id)
    held = courtesy_holds(booking_id=booking_id)
    for slot in _nearest(booking=booking, service=service, now=now):
        if len(held) == ALTERNATIVES:
            break
        if any(claim.starts_at == slot.starts_at for claim in held):
            continue
        claim = _hold(booking=booking, service=service, slot=slot, until=until)
        if claim is not None:
            held.append(claim)
    return sorted(held, key=lambda claim: claim.starts_at)


def _nearest(*, booking: Booking, service: ServiceDefinition, now: datetime) -> list[Slot]:
    zone = service.timezone
    first_day = max(
        local_date(now, zone=zone),
        local_date(booking.starts_at, zone=zone) - timedelta(days=_DAYS_BEFORE),
    )
    slots = free_slots(
        service=service,
        zip_code=booking.zip_code or None,
        first_day=first_day,
        days=_DAYS_BEFORE + 1 + _DAYS_AFTER,
        now=now,
    )
    return sorted(slots, key=lambda slot: (abs(slot.starts_at - booking.starts_at), slot.starts_at))


def _hold(
    *, booking: Booking, service: ServiceDefinition, slot: Slot, until: datetime
) -> SlotClaim | None:
    """Hold one time with whoever can take it; None when nobody can any more."""
    loaded = load(service=service, first_day=local_date(slot.starts_at, zone=service.timezone))
    fits, _ = rank(
        service=service,
        schedules=loaded.notaries,
        starts_at=slot.starts_at,
        zip_code=booking.zip_code or None,
    )
    for candidate in fits:
        try:
            return transactions.run(
                partial(_take, booking, service, slot.starts_at, until, candidate.notary_id)
            )
        except Occupied:
            continue
    return None


def _take(
    booking: Booking,
    service: ServiceDefinition,
    starts_at: datetime,
    until: datetime,
    notary_id: int,
) -> SlotClaim:
    locks.lock_notaries(notary_ids=[notary_id])
    claim = claims.take(
        facts=booked_facts(booking=booking, service=service, starts_at=starts_at),
        notary_id=notary_id,
        holder_key=courtesy_key(booking.pk),
        state=ClaimState.HELD,
    )
    claim.expires_at = claim.max_expires_at = until
    SlotClaim.objects.filter(pk=claim.pk).update(expires_at=until, max_expires_at=until)
    return claim

"""Times kept for a customer whose money came too late: held by the case, not by the customer."""

from __future__ import annotations

from uuid import UUID

from bookings import claims, locks
from bookings.models import SlotClaim
from bookings.states import ClaimState
from hmnp.core import transactions
from services.catalogue import require_service


def courtesy_key(booking_id: UUID) -> str:
    """Give the holder that a booking's courtesy holds are kept under."""
    return f"late:{booking_id}"


def courtesy_holds(*, booking_id: UUID) -> list[SlotClaim]:
    """Give the live courtesy holds of a booking, in the order of their times."""
    return list(
        SlotClaim.objects.filter(
            holder_key=courtesy_key(booking_id),
            state=ClaimState.HELD,
            expires_at__gt=transactions.database_now(),
        ).order_by("starts_at")
    )


def lock_courtesy_holds(*, booking_id: UUID) -> list[SlotClaim]:
    """Lock the calendars of a booking's courtesy holds and give those that still live.

    Raises `RollBackAndRetry` when one was added on another calendar meanwhile.
    """
    locked = {claim.notary_id for claim in courtesy_holds(booking_id=booking_id)}
    if not locked:
        return []
    locks.lock_notaries(notary_ids=locked)
    kept = courtesy_holds(booking_id=booking_id)
    if not {claim.notary_id for claim in kept} <= locked:
        raise transactions.RollBackAndRetry
    return kept


def release_kept(kept: list[SlotClaim]) -> None:
    """Release courtesy holds whose calendars are locked."""
    for claim in kept:
        claims.release(claim=claim, service=require_service(id_or_slug=claim.service_id))

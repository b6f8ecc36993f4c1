"""Open the payment window of a claim."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings import claims
from bookings.errors import HoldExpired
from bookings.models import Booking, SlotClaim
from bookings.states import ClaimState
from hmnp.core import transactions


def begin_payment(*, claim: SlotClaim, now: datetime, booking: Booking | None = None) -> SlotClaim:
    """Freeze a locked claim for a payment intent and give it until fifteen minutes from now.

    The window opens once, never beyond twenty minutes after the claim began; a booking that
    waits for the money has opened it already. Raises `HoldExpired`.
    """
    open_window(claim=claim, booking_id=booking.pk if booking else None)
    if claim.intent_at is None:
        claim.intent_at = now
        SlotClaim.objects.filter(pk=claim.pk).update(intent_at=now)
    return claim


def open_window(*, claim: SlotClaim, booking_id: UUID | None = None) -> None:
    """Turn HELD into PAYING; a claim that is PAYING stays as it is. Raises `HoldExpired`."""
    clock = claim.read_at or transactions.database_now()
    if claim.state == ClaimState.PAYING:
        if claim.expires_at is not None and claim.expires_at <= clock:
            raise HoldExpired
        return
    if claim.state != ClaimState.HELD or claim.expires_at is None or claim.expires_at <= clock:
        raise HoldExpired
    claim.expires_at = min(clock + claims.PAYMENT_WINDOW, claim.max_expires_at or clock)
    if booking_id is not None:
        claim.booking_id = booking_id
    if not claims.turn(claim=claim, source=(ClaimState.HELD,), target=ClaimState.PAYING):
        raise HoldExpired

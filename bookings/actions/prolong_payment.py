"""Give a payment that Stripe is still processing more time."""

from __future__ import annotations

from datetime import datetime

from bookings import claims, timeline
from bookings.models import Booking, SlotClaim
from bookings.states import ClaimState, TimelineAction
from hmnp.core.context import SYSTEM


def prolong_payment(*, claim: SlotClaim, booking: Booking | None, now: datetime) -> None:
    """Let a locked claim, and its booking, wait until 45 minutes after the claim began."""
    until = claim.held_at + claims.LONGEST_PROCESSING
    if claim.expires_at is not None and claim.expires_at >= until:
        return
    claim.expires_at = claim.max_expires_at = until
    SlotClaim.objects.filter(pk=claim.pk, state__in=[ClaimState.PAYING, ClaimState.CLOSING]).update(
        expires_at=until, max_expires_at=until
    )
    if booking is not None:
        timeline.apply(
            booking=booking,
            action=TimelineAction.UPDATED,
            actor=SYSTEM,
            now=now,
            changes={"expires_at": until},
        )

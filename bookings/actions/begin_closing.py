"""Start to let go of a claim that is being paid for."""

from __future__ import annotations

from bookings import claims
from bookings.models import SlotClaim
from bookings.states import ClaimState


def begin_closing(*, claim: SlotClaim) -> bool:
    """Turn a locked PAYING claim CLOSING, so that no intent opens any more.

    The time stays taken until the intent is known to be cancelled. True when the claim is closing,
    False when it is not being paid for.
    """
    if claim.state == ClaimState.CLOSING:
        return True
    return claims.turn(claim=claim, source=(ClaimState.PAYING,), target=ClaimState.CLOSING)

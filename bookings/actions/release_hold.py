"""Give a hold back before its time."""

from __future__ import annotations

from uuid import UUID

from bookings import claims, holders, locks
from bookings.errors import HoldNotFound
from bookings.states import ClaimState
from hmnp.core import transactions
from hmnp.core.crashpoints import crashpoint
from hmnp.core.tokens import Token
from services.catalogue import require_service


def release_hold(*, claim_id: UUID, token: Token) -> None:
    """Free the held time at once; a hold being paid for closes once its intent is cancelled.

    Releasing it again changes nothing. Raises `HoldNotFound`, also once it is a booking.
    """

    def work() -> None:
        claim = locks.lock_claim(claim_id=claim_id)
        holders.check_token(claim=claim, token=token)
        if claim.booking_id is not None:
            raise HoldNotFound("This hold has become a booking.")
        if claim.state == ClaimState.HELD:
            claims.release(claim=claim, service=require_service(id_or_slug=claim.service_id))
        elif claim.state == ClaimState.PAYING:
            claims.turn(claim=claim, source=(ClaimState.PAYING,), target=ClaimState.CLOSING)

    transactions.run(work)
    crashpoint("release.committed")

"""End holds nobody came back for, so that counts and calendars read true without a visitor."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from uuid import UUID

from bookings import claims, locks
from bookings.models import SlotClaim
from bookings.states import ClaimState
from hmnp.core import transactions
from hmnp.core.crashpoints import crashpoint
from services.catalogue import require_service

# The claim under the lock is judged again by the database's clock; this only keeps the sweep from
# racing with a customer's last second.
_GRACE = timedelta(seconds=1)


def expire_holds(*, limit: int = 200) -> int:
    """Expire dead HELD claims, one transaction each; give how many."""
    clock = transactions.database_now()
    dead = list(
        SlotClaim.objects.filter(state=ClaimState.HELD, expires_at__lte=clock - _GRACE)
        .order_by("expires_at")
        .values_list("pk", flat=True)[:limit]
    )
    count = 0
    for claim_id in dead:
        count += transactions.run(partial(_expire, claim_id))
        crashpoint("expire.committed")
    return count


def _expire(claim_id: UUID) -> bool:
    claim = locks.lock_claim(claim_id=claim_id)
    is_dead = (
        claim.state == ClaimState.HELD
        and claim.expires_at is not None
        and claim.expires_at <= (claim.read_at or transactions.database_now())
    )
    if is_dead:
        claims.release(
            claim=claim,
            service=require_service(id_or_slug=claim.service_id),
            target=ClaimState.EXPIRED,
        )
    return is_dead

"""The hold a browser carries, as the database knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest

from bookings import holders
from bookings.errors import HoldNotFound
from bookings.models import SlotClaim
from bookings.pages import cookies
from bookings.states import ClaimState
from hmnp.core.tokens import Token


@dataclass(frozen=True)
class Carried:
    """A hold and the token that proves whose it is; `is_live` until its time is over."""

    token: Token
    claim: SlotClaim
    is_live: bool


def carried_hold(request: HttpRequest, *, now: datetime) -> Carried | None:
    """Give the hold this browser carries; one that ended still says what was wanted."""
    token = cookies.hold_token(request)
    claim = SlotClaim.objects.filter(pk=token.subject_id).first() if token else None
    if token is None or claim is None:
        return None
    try:
        holders.check_token(claim=claim, token=token)
    except HoldNotFound:
        return None
    is_live = (
        claim.state in (ClaimState.HELD, ClaimState.PAYING)
        and claim.expires_at is not None
        and claim.expires_at > now
    )
    return Carried(token=token, claim=claim, is_live=is_live)

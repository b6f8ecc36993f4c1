"""Whose hold it is: the token that proves it, and how many one holder may have."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from bookings.errors import HoldNotFound
from bookings.models import SlotClaim
from hmnp.accounts.principals import Principal
from hmnp.core import tokens
from hmnp.core.tokens import Token

STAFF_HOLDS = 20


@dataclass(frozen=True)
class Holder:
    """Who holds: counted under `key`, at most `cap` live holds (None: no cap)."""

    key: str
    cap: int | None


def holder_of(principal: Principal) -> Holder:
    """Give the holder a caller is."""
    if principal.partner:
        return Holder(key=principal.holder_key, cap=principal.partner.max_live_holds)
    if principal.user:
        return Holder(key=principal.holder_key, cap=STAFF_HOLDS)
    configured = settings.HOLDS_PER_ADDRESS
    return Holder(key=principal.holder_key, cap=None if configured == "off" else int(configured))


def verify_hold_token(*, text: str, claim_id: UUID | None = None) -> Token:
    """Give the token in `text`; for this claim, if one is named. Raises `HoldNotFound`."""
    token = tokens.read(text, purpose=tokens.HOLD)
    if token is None or (claim_id is not None and token.subject_id != claim_id):
        raise HoldNotFound
    return token


def check_token(*, claim: SlotClaim, token: Token) -> None:
    """Refuse a token that is not the claim's own, or was revoked. Raises `HoldNotFound`."""
    if claim.pk != token.subject_id or claim.token_hash != token.hash:
        raise HoldNotFound


def token_of(claim: SlotClaim) -> Token:
    """Derive a claim's token again."""
    return tokens.derive(
        purpose=tokens.HOLD,
        subject_id=claim.pk,
        generation=claim.token_generation,
        key_id=claim.token_key_id,
    )

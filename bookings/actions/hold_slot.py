"""Hold a slot for five minutes, or move or resume a hold one has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bookings import claims, holders, locks
from bookings.errors import HoldExpired, HoldNotFound, PriceChanged, TooManyHolds
from bookings.holders import Holder
from bookings.models import SlotClaim
from bookings.quoting import Wanted, agreed_price, claim_facts
from bookings.slots import alternatives, win
from bookings.states import ClaimState
from hmnp.core import transactions
from hmnp.core.crashpoints import crashpoint
from hmnp.core.idempotency import Idempotency, once
from hmnp.core.tokens import Token
from services.pricing import Pricing


@dataclass(frozen=True)
class HoldRequest:
    """What to hold; `token` is that of a hold to move or resume."""

    wanted: Wanted
    quote_token: str | None = None
    token: Token | None = None


@dataclass(frozen=True)
class Held:
    """A live hold, its price, and whether it is a new one."""

    claim: SlotClaim
    pricing: Pricing
    is_new: bool


def hold_slot(
    *,
    request: HoldRequest,
    holder: Holder,
    now: datetime,
    idempotency: Idempotency | None = None,
) -> Held:
    """Hold the best notary's time for five minutes on the database's clock.

    Raises `SlotTaken` and `SlotUnavailable` (with alternatives), `TooManyHolds`, `HoldNotFound`,
    `HoldExpired`, `PriceChanged` when an intent has frozen the hold, and the refusals of a price.
    """
    held = once(
        idempotency,
        lambda: (
            _move(request=request, token=request.token, now=now, idempotency=idempotency)
            if request.token
            else _hold(request=request, holder=holder, now=now, idempotency=idempotency)
        ),
    )
    crashpoint("hold.committed")
    return held


def _hold(
    *, request: HoldRequest, holder: Holder, now: datetime, idempotency: Idempotency | None
) -> Held:
    wanted = request.wanted
    pricing = agreed_price(
        wanted=wanted, quote_token=request.quote_token, expected_cents=None, claim=None, now=now
    )
    facts = claim_facts(wanted=wanted, pricing=pricing)

    def attempt(notary_id: int) -> Held:
        if idempotency:
            idempotency.begin()
        if holder.cap is not None:
            locks.lock_holder(holder_key=holder.key)
            _check_cap(holder_key=holder.key, cap=holder.cap)
        locks.lock_notaries(notary_ids=[notary_id])
        claim = claims.take(
            facts=facts,
            notary_id=notary_id,
            holder_key=holder.key,
            state=ClaimState.HELD,
            now=transactions.database_now(),
        )
        held = Held(claim=claim, pricing=pricing, is_new=True)
        if idempotency:
            idempotency.finish(held)
        return held

    return win(
        service=wanted.service,
        starts_at=wanted.starts_at,
        zip_code=wanted.zip_code,
        now=now,
        attempt=attempt,
    )


def _check_cap(*, holder_key: str, cap: int) -> None:
    live = SlotClaim.objects.filter(
        holder_key=holder_key,
        state=ClaimState.HELD,
        expires_at__gt=transactions.database_now(),
    ).count()
    if live >= cap:
        raise TooManyHolds


def _move(
    *, request: HoldRequest, token: Token, now: datetime, idempotency: Idempotency | None
) -> Held:
    wanted = request.wanted
    claim = SlotClaim.objects.filter(pk=token.subject_id).first()
    if claim is None:
        raise HoldNotFound
    _check_movable(claim=claim, token=token, wanted=wanted, now=now)
    if wanted.is_same_as(claim):
        return transactions.run(lambda: _resume(request, token, now, idempotency))
    keeps_time = (wanted.service.id, wanted.starts_at) == (claim.service_id, claim.starts_at)
    pricing = agreed_price(
        wanted=wanted,
        quote_token=request.quote_token,
        expected_cents=None,
        # Whether it is an emergency was judged when this time was claimed.
        claim=claim if keeps_time else None,
        now=now,
    )
    facts = claim_facts(wanted=wanted, pricing=pricing)

    def attempt(notary_id: int) -> Held:
        if idempotency:
            idempotency.begin()
        locked = locks.lock_claim(claim_id=token.subject_id, also_notary=notary_id)
        _check_movable(claim=locked, token=token, wanted=wanted, now=now)
        database_now = transactions.database_now()
        locked.expires_at = min(database_now + claims.HOLD, locked.max_expires_at or database_now)
        held = Held(
            claim=claims.move(claim=locked, facts=facts, notary_id=notary_id),
            pricing=pricing,
            is_new=False,
        )
        if idempotency:
            idempotency.finish(held)
        return held

    return win(
        service=wanted.service,
        starts_at=wanted.starts_at,
        zip_code=wanted.zip_code,
        now=now,
        attempt=attempt,
        own_claim=claim.pk,
        keeps_time=keeps_time,
    )


def _resume(
    request: HoldRequest, token: Token, now: datetime, idempotency: Idempotency | None
) -> Held:
    if idempotency:
        idempotency.begin()
    claim = locks.lock_claim(claim_id=token.subject_id)
    _check_movable(claim=claim, token=token, wanted=request.wanted, now=now)
    held = Held(claim=claim, pricing=Pricing.from_snapshot(claim.pricing), is_new=False)
    if idempotency:
        idempotency.finish(held)
    return held


def _check_movable(*, claim: SlotClaim, token: Token, wanted: Wanted, now: datetime) -> None:
    holders.check_token(claim=claim, token=token)
    if claim.booking_id is not None:
        raise HoldNotFound("This hold has become a booking.")
    is_dead_hold = (
        claim.state == ClaimState.HELD
        and claim.expires_at is not None
        and claim.expires_at <= transactions.database_now()
    )
    if claim.state not in (ClaimState.HELD, ClaimState.PAYING) or is_dead_hold:
        raise HoldExpired(
            details=alternatives(
                service=wanted.service,
                zip_code=wanted.zip_code,
                after=wanted.starts_at,
                now=now,
            )
        )
    difference = wanted.first_difference(claim)
    if claim.intent_at is not None and difference is not None:
        raise PriceChanged("The payment has fixed this.", field=difference)

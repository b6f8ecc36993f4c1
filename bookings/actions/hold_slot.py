"""Hold a slot for five minutes, or move or resume a hold one has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from bookings import claims, holders, locks
from bookings.errors import HoldExpired, HoldNotFound, PriceChanged
from bookings.holders import Holder
from bookings.models import SlotClaim
from bookings.quoting import Wanted, agreed_price, claim_facts
from bookings.schedules import Schedules
from bookings.slots import alternatives, win
from bookings.states import ClaimState
from hmnp.core import transactions
from hmnp.core.crashpoints import crashpoint
from hmnp.core.idempotency import Idempotency, once
from hmnp.core.rows import Rows
from hmnp.core.tokens import Token
from services.pricing import Pricing


@dataclass(frozen=True)
class HoldRequest:
    """What to hold; `token` is that of a hold to move or resume.

    `seen` is what is known of the calendars around it, if they were just read.
    """

    wanted: Wanted
    quote_token: str | None = None
    token: Token | None = None
    seen: Schedules | None = None


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

    counted = holder if holder.cap is not None else None

    def attempt(notary_id: int) -> Held:
        locks.lock_notaries(
            notary_ids=[notary_id],
            holder_key=counted.key if counted else None,
            after=idempotency,
        )
        claim = claims.take(
            facts=facts,
            notary_id=notary_id,
            holder_key=holder.key,
            state=ClaimState.HELD,
            counted=counted,
            writing=partial(_write, idempotency, pricing),
        )
        return Held(claim=claim, pricing=pricing, is_new=True)

    return win(
        service=wanted.service,
        starts_at=wanted.starts_at,
        zip_code=wanted.zip_code,
        now=now,
        attempt=attempt,
        seen=request.seen,
    )


def _write(idempotency: Idempotency | None, pricing: Pricing, claim: SlotClaim) -> None:
    rows = Rows(claim)
    if idempotency:
        idempotency.finish(Held(claim=claim, pricing=pricing, is_new=True), rows=rows)
    else:
        rows.write()


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
        locked = locks.lock_claim(
            claim_id=token.subject_id, also_notary=notary_id, after=idempotency
        )
        clock = _check_movable(claim=locked, token=token, wanted=wanted, now=now)
        locked.expires_at = min(clock + claims.HOLD, locked.max_expires_at or clock)
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
    claim = locks.lock_claim(claim_id=token.subject_id, after=idempotency)
    _check_movable(claim=claim, token=token, wanted=request.wanted, now=now)
    held = Held(claim=claim, pricing=Pricing.from_snapshot(claim.pricing), is_new=False)
    if idempotency:
        idempotency.finish(held)
    return held


def _check_movable(*, claim: SlotClaim, token: Token, wanted: Wanted, now: datetime) -> datetime:
    """Refuse a hold that may not be moved; give the database's clock."""
    holders.check_token(claim=claim, token=token)
    if claim.booking_id is not None:
        raise HoldNotFound("This hold has become a booking.")
    clock = claim.read_at or transactions.database_now()
    is_dead_hold = (
        claim.state == ClaimState.HELD
        and claim.expires_at is not None
        and claim.expires_at <= clock
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
    return clock

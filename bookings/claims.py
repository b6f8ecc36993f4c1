"""The calendar's writes: a claim is created, moved, turned and released here and nowhere else.

Every function runs inside the caller's transaction with the notary's calendar locked. The next
job's drive is always rewritten first, since the exclusion constraint is immediate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.contrib.postgres.fields import DateTimeRangeField
from django.db import IntegrityError
from django.db.models import F, Func, Value
from django.db.models.fields import DateTimeField

from bookings import schedules
from bookings.availability import job_at
from bookings.chain import Fit, NotarySchedule, Reason, fit, inbound_minutes
from bookings.errors import TooManyHolds
from bookings.holders import Holder
from bookings.models import SlotClaim
from bookings.states import ClaimState
from hmnp.core import tokens
from hmnp.core.rows import Rows
from hmnp.core.times import local_date, midnight
from hmnp.core.transactions import EXCLUSION_VIOLATION, sqlstate
from services.definitions import ServiceDefinition

HOLD = timedelta(minutes=5)
PAYMENT_WINDOW = timedelta(minutes=15)
# No hold and no payment window reaches further than this from the claim's beginning …
LONGEST = timedelta(minutes=20)
# … except that Stripe may still be processing.
LONGEST_PROCESSING = timedelta(minutes=45)


class Occupied(Exception):
    """This notary cannot take the job after all; the caller rolls back and tries the next."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason.value)


@dataclass(frozen=True)
class Found:
    """How a job fits into a locked calendar, as of the database's `clock`."""

    fit: Fit
    schedule: NotarySchedule
    clock: datetime


@dataclass(frozen=True)
class ClaimFacts:
    """What a claim is for."""

    service: ServiceDefinition
    starts_at: datetime
    customer_zip: str | None
    signers: int
    documents: int
    promo_code: str
    is_emergency: bool
    pricing: dict[str, Any] = field(default_factory=dict)


def rechain(*, notary_id: int, service_zone_day: datetime, service: ServiceDefinition) -> None:
    """Count every drive around a local day anew after something left the chain.

    Leaving never makes a remaining pair infeasible: drives obey the triangle inequality.
    """
    zone = service.timezone
    day = local_date(service_zone_day, zone=zone)
    home_zip, jobs = schedules.live_jobs(
        notary_id=notary_id,
        starts_from=midnight(day - timedelta(days=2), zone=zone),
        starts_before=midnight(day + timedelta(days=3), zone=zone),
    )
    first_day = midnight(day - timedelta(days=1), zone=zone)
    for previous, job in zip([None, *jobs], jobs, strict=False):
        if job.starts_at < first_day:
            continue
        minutes = inbound_minutes(home_zip=home_zip, previous=previous, job=job, zone=zone)
        period_starts_at = job.starts_at - timedelta(minutes=minutes)
        if period_starts_at != job.period_starts_at and job.claim_id:
            _set_period_start(claim_id=job.claim_id, period_starts_at=period_starts_at)


def _set_period_start(*, claim_id: UUID, period_starts_at: datetime) -> None:
    SlotClaim.objects.filter(pk=claim_id).update(
        period=Func(
            Value(period_starts_at, output_field=DateTimeField()),
            Func(F("period"), function="upper", output_field=DateTimeField()),
            function="tstzrange",
            output_field=DateTimeRangeField(),
        )
    )


def find_fit(
    *,
    service: ServiceDefinition,
    notary_id: int,
    starts_at: datetime,
    customer_zip: str | None,
    is_agreed: bool = False,
    is_any_hour: bool = False,
    counted: Holder | None = None,
) -> Found:
    """Judge one notary's calendar under its lock, dead holds ended first.

    `is_agreed`: the time was agreed elsewhere, so that only the drives to and from it are judged.
    Raises `Occupied`, and `TooManyHolds` when `counted`, who is locked, may hold no more.
    """
    loaded = schedules.load_locked(
        service=service,
        notary_id=notary_id,
        starts_at=starts_at,
        holder_key=counted.key if counted else "",
    )
    if counted is not None and counted.cap is not None and loaded.holds >= counted.cap:
        raise TooManyHolds
    if loaded.has_ended:
        rechain(notary_id=notary_id, service_zone_day=starts_at, service=service)
    schedule = loaded.of(notary_id)
    if is_agreed:
        schedule = schedules.always_open(
            notary_id=notary_id, around=starts_at, zone=service.timezone
        )
    if schedule is None:
        raise Occupied(Reason.OUTSIDE_HOURS)
    if is_any_hour:
        schedule = schedules.at_any_hour(schedule)
    job = job_at(service=service, schedule=schedule, starts_at=starts_at, zip_code=customer_zip)
    result = fit(schedule=schedule, job=job, zone=service.timezone)
    if isinstance(result, Reason):
        raise Occupied(result)
    begins_at = {one.claim_id: one.period_starts_at for one in schedule.jobs}
    # What was read may be older than a chain that was just counted anew.
    if not loaded.has_ended and begins_at.get(result.next_claim_id) == result.next_period_starts_at:
        result = replace(result, next_claim_id=None, next_period_starts_at=None)
    return Found(fit=result, schedule=schedule, clock=loaded.clock)


def take(
    *,
    facts: ClaimFacts,
    notary_id: int,
    holder_key: str,
    state: ClaimState,
    booking_id: UUID | None = None,
    is_agreed: bool = False,
    is_any_hour: bool = False,
    counted: Holder | None = None,
    writing: Callable[[SlotClaim], None] | None = None,
) -> SlotClaim:
    """Claim this notary's time for `facts`: HELD for five minutes, PAYING for fifteen, by the
    database's clock.

    `is_any_hour`: staff set the notary's working hours aside. `writing` inserts the row, together
    with something else; the claim knows the notary's name then. Raises `Occupied`, and
    `TooManyHolds` when `counted` may hold no more.
    """
    found = find_fit(
        service=facts.service,
        notary_id=notary_id,
        starts_at=facts.starts_at,
        customer_zip=facts.customer_zip,
        is_agreed=is_agreed,
        is_any_hour=is_any_hour,
        counted=counted,
    )
    clock = found.clock
    claim = SlotClaim(
        id=uuid4(),
        state=state,
        booking_id=booking_id,
        held_at=clock,
        expires_at=clock + (PAYMENT_WINDOW if state == ClaimState.PAYING else HOLD),
        max_expires_at=clock + LONGEST,
        holder_key=holder_key,
    )
    token = tokens.derive(purpose=tokens.HOLD, subject_id=claim.id)
    claim.token_key_id, claim.token_hash = token.key_id, token.hash
    _describe(claim, facts)
    _place(claim, found, facts.service)
    claim.notary_name = found.schedule.name
    _write(found.fit, lambda: writing(claim) if writing else claim.save(force_insert=True))
    return claim


def move(
    *, claim: SlotClaim, facts: ClaimFacts, notary_id: int, is_agreed: bool = False
) -> SlotClaim:
    """Move a live claim in place, to another time, ZIP or notary; both calendars are locked.

    It never collides with itself: it is taken out of the chain first, and a roll-back puts it
    back. Raises `Occupied`.
    """
    state = claim.state
    previous_start, previous_notary = claim.starts_at, claim.notary_id
    SlotClaim.objects.filter(pk=claim.pk).update(state=ClaimState.RELEASED)
    rechain(notary_id=previous_notary, service_zone_day=previous_start, service=facts.service)
    found = find_fit(
        service=facts.service,
        notary_id=notary_id,
        starts_at=facts.starts_at,
        customer_zip=facts.customer_zip,
        is_agreed=is_agreed,
    )
    _describe(claim, facts)
    claim.state = state
    _place(claim, found, facts.service)
    _write(found.fit, claim.save)
    return claim


def redescribe(*, claim: SlotClaim, facts: ClaimFacts) -> None:
    """Note other counts or another promo code on a claim whose time and place stay."""
    _describe(claim, facts)
    claim.save(update_fields=["signers", "documents", "promo_code", "is_emergency", "pricing"])


def _describe(claim: SlotClaim, facts: ClaimFacts) -> None:
    claim.service_id = facts.service.id
    claim.starts_at = facts.starts_at
    claim.ends_at = facts.starts_at + timedelta(minutes=facts.service.duration_minutes)
    claim.wrap_up_minutes = facts.service.wrap_up_minutes
    claim.customer_zip = facts.customer_zip or ""
    claim.signers = facts.signers
    claim.documents = facts.documents
    claim.promo_code = facts.promo_code
    claim.is_emergency = facts.is_emergency
    claim.pricing = facts.pricing


def _place(claim: SlotClaim, found: Found, service: ServiceDefinition) -> None:
    claim.notary_id = found.schedule.notary_id
    claim.place_zip = (claim.customer_zip if service.is_mobile else "") or found.schedule.home_zip
    claim.period = (found.fit.period_starts_at, found.fit.period_ends_at)


def _write(found: Fit, write: Callable[[], None]) -> None:
    """Rewrite the next job's drive, then write the claim that changes it. Raises `Occupied`."""
    try:
        if found.next_claim_id and found.next_period_starts_at:
            _set_period_start(
                claim_id=found.next_claim_id, period_starts_at=found.next_period_starts_at
            )
        write()
    except IntegrityError as error:
        if sqlstate(error) == EXCLUSION_VIOLATION:
            raise Occupied(Reason.HELD) from error
        raise


def turn(
    *,
    claim: SlotClaim,
    source: tuple[ClaimState, ...],
    target: ClaimState,
    rows: Rows | None = None,
) -> bool:
    """Compare-and-swap a live claim's state, its other fields saved with it; False if it moved on.

    The calendar does not change: both states are live. A claim that waits among `rows` is nobody
    else's yet.
    """
    if rows is not None and rows.is_waiting(claim):
        claim.state = target
        return True
    changed = SlotClaim.objects.filter(pk=claim.pk, state__in=source).update(
        state=target,
        booking_id=claim.booking_id,
        expires_at=claim.expires_at,
        intent_at=claim.intent_at,
    )
    if changed:
        claim.state = target
    return changed == 1


def attach(*, claim: SlotClaim, booking_id: UUID) -> None:
    """Let a claim that is being paid for be a booking's."""
    SlotClaim.objects.filter(pk=claim.pk).update(booking_id=booking_id)
    claim.booking_id = booking_id


def release(
    *, claim: SlotClaim, service: ServiceDefinition, target: ClaimState = ClaimState.RELEASED
) -> None:
    """End a live claim and count the next job's drive anew."""
    SlotClaim.objects.filter(pk=claim.pk).update(state=target)
    claim.state = target
    rechain(notary_id=claim.notary_id, service_zone_day=claim.starts_at, service=service)

"""Create a booking: claim, row, timeline, payment due and outside jobs, all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID, uuid4

from django.db import IntegrityError

from bookings import claims, holders, locks, promotions, timeline
from bookings.actions.begin_payment import open_window
from bookings.actions.confirm_booking import confirm_booking
from bookings.errors import HoldExpired, HoldNotFound, PriceChanged, SlotTaken
from bookings.events import BookingCreated, NewBooking
from bookings.holders import Holder
from bookings.models import Booking, SlotClaim
from bookings.models.booking import Shown
from bookings.quoting import Wanted, agreed_price, claim_facts
from bookings.requests import TERMS_VERSION, BookingRequest, new_booking
from bookings.slots import alternatives, win
from bookings.staff_terms import CUSTOMERS_TERMS
from bookings.states import ClaimState, TimelineAction
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.crashpoints import crashpoint
from hmnp.core.errors import Fault, ValidationFailed
from hmnp.core.events import emit
from hmnp.core.idempotency import Idempotency, once
from hmnp.core.rows import Rows
from hmnp.core.tokens import Token
from hmnp.core.transactions import UNIQUE_VIOLATION, sqlstate
from services.definitions import ServiceDefinition
from services.models import PromoCode
from services.pricing import Pricing


def create_booking(
    *,
    request: BookingRequest,
    holder: Holder,
    actor: Actor,
    now: datetime,
    idempotency: Idempotency | None = None,
) -> Booking:
    """Book, from a hold or by claiming the time itself.

    The booking is PENDING_PAYMENT while something is due, else CONFIRMED. Raises `SlotTaken`,
    `SlotUnavailable`, `HoldNotFound`, `HoldExpired`, `PriceChanged`, `PromoInvalid` and the
    refusals of a price; with staff's terms also `Forbidden` and `ValidationFailed`. Every refusal
    leaves nothing behind.
    """
    if request.terms != CUSTOMERS_TERMS:
        request.terms.check(actor=actor)
        if request.token is not None:
            # What was held was priced and placed by the rules already.
            raise ValidationFailed(Fault("holdId", "not_accepted", "Our own terms take no hold."))
    booking = once(
        idempotency,
        lambda: (
            _from_hold(request, request.token, actor, now, idempotency)
            if request.token
            else _without_hold(request, holder, actor, now, idempotency)
        ),
    )
    crashpoint("create.committed")
    return booking


def _without_hold(
    request: BookingRequest,
    holder: Holder,
    actor: Actor,
    now: datetime,
    idempotency: Idempotency | None,
) -> Booking:
    wanted = request.wanted
    pricing = agreed_price(
        wanted=wanted,
        quote_token=request.quote_token,
        expected_cents=request.expected_cents,
        claim=None,
        now=now,
        agreed=request.terms.agreed,
    )
    facts = claim_facts(wanted=wanted, pricing=pricing)
    if request.due_nothing(actor):
        pricing = pricing.without_deposit()

    def attempt(notary_id: int) -> Booking:
        locks.lock_notaries(notary_ids=[notary_id], after=idempotency)
        crashpoint("create.locked")
        booked: list[Booking] = []
        claims.take(
            facts=facts,
            notary_id=notary_id,
            holder_key=holder.key,
            state=ClaimState.PAYING if pricing.deposit_required_cents else ClaimState.HELD,
            booking_id=uuid4(),
            is_any_hour=request.terms.is_any_hour,
            writing=lambda claim: booked.append(
                _book(request, claim, pricing, actor, now, idempotency)
            ),
        )
        return booked[0]

    return win(
        service=wanted.service,
        starts_at=wanted.starts_at,
        zip_code=wanted.zip_code,
        now=now,
        attempt=_with_fresh_reference(attempt),
        terms=request.terms,
        seen=request.seen,
    )


def _from_hold(
    request: BookingRequest,
    token: Token,
    actor: Actor,
    now: datetime,
    idempotency: Idempotency | None,
) -> Booking:
    wanted = request.wanted

    def attempt(_: int) -> Booking:
        claim = locks.lock_claim(claim_id=token.subject_id, after=idempotency)
        _check_hold(claim=claim, token=token, wanted=wanted, now=now)
        pricing = agreed_price(
            wanted=wanted,
            quote_token=request.quote_token,
            expected_cents=request.expected_cents,
            claim=claim,
            now=now,
        )
        facts = claim_facts(wanted=wanted, pricing=pricing)
        if claim.customer_zip != (wanted.zip_code or ""):
            claim = claims.move(claim=claim, facts=facts, notary_id=claim.notary_id)
        elif not wanted.is_same_as(claim):
            claims.redescribe(claim=claim, facts=facts)
        if request.due_nothing(actor) and claim.intent_at is None:
            pricing = pricing.without_deposit()
        return _book(request, claim, pricing, actor, now, idempotency)

    try:
        return transactions.run(lambda: _with_fresh_reference(attempt)(0))
    except claims.Occupied as occupied:
        raise SlotTaken(
            "The notary cannot reach the new address in time.",
            details=alternatives(
                service=wanted.service,
                zip_code=wanted.zip_code,
                after=wanted.starts_at,
                now=now,
            ),
        ) from occupied


def _check_hold(*, claim: SlotClaim, token: Token, wanted: Wanted, now: datetime) -> None:
    holders.check_token(claim=claim, token=token)
    if claim.booking_id is not None:
        raise HoldNotFound("This hold has become a booking.")
    clock = claim.read_at or transactions.database_now()
    is_over = claim.expires_at is None or claim.expires_at <= clock
    if claim.state not in (ClaimState.HELD, ClaimState.PAYING) or is_over:
        raise HoldExpired(
            details=alternatives(
                service=wanted.service, zip_code=wanted.zip_code, after=wanted.starts_at, now=now
            )
        )
    difference = wanted.first_difference(claim)
    if claim.intent_at is not None and difference is not None:
        raise PriceChanged("The payment has fixed this.", field=difference)
    if difference in ("serviceId", "scheduledDateTime"):
        raise ValidationFailed(Fault(difference, "not_held", "The hold is for something else."))


def _book(
    request: BookingRequest,
    claim: SlotClaim,
    pricing: Pricing,
    actor: Actor,
    now: datetime,
    idempotency: Idempotency | None,
) -> Booking:
    """Write the booking for a claim whose calendar is locked; a new claim with it."""
    promo = _take_promo(request, now)
    due_cents = pricing.deposit_required_cents
    is_claim_new = claim.booking_id is not None
    booking_id = claim.booking_id or uuid4()
    if not is_claim_new:
        _attach(claim, booking_id, due_cents)
    booking = new_booking(
        request=request,
        booking_id=booking_id,
        claim=claim,
        pricing=pricing,
        actor=actor,
        now=now,
    )
    rows = Rows(claim, booking) if is_claim_new else Rows(booking)
    if promo is not None:
        promotions.redeem(promo=promo, booking=booking, now=now)
    timeline.record(
        booking=booking,
        action=TimelineAction.CREATED,
        actor=actor,
        now=now,
        metadata={
            "priceCents": pricing.final_price_cents,
            "dueCents": due_cents,
            "termsVersion": TERMS_VERSION,
            **request.terms.to_metadata(pricing=pricing),
        },
        rows=rows,
    )
    if waived := request.terms.unpaid_reason.strip()[:200]:
        timeline.apply(
            booking=booking,
            action=TimelineAction.DEPOSIT_WAIVED,
            actor=actor,
            now=now,
            changes={"deposit_waived_reason": waived},
            rows=rows,
        )
    emit(
        BookingCreated(
            booking_id=booking.pk,
            version=booking.version,
            actor=actor,
            booking=booking,
            claim=claim,
            is_claim_new=is_claim_new,
            due_cents=due_cents,
            payment_intent_id=request.payment_intent_id,
            rows=rows,
        )
    )
    if not due_cents:
        new = NewBooking(booking=booking, service=request.wanted.service, rows=rows)
        if not is_claim_new:
            # Somebody may have paid for the hold.
            rows.write()
        confirm_booking(
            booking=booking, claim=claim, actor=actor, now=now, new=new if is_claim_new else None
        )
    crashpoint("create.ready")
    if rows.is_waiting(booking):
        _let_show(booking, claim, request.wanted.service)
    if idempotency:
        idempotency.finish(booking, rows=rows)
    else:
        rows.write()
    crashpoint("create.before_commit")
    return booking


def _let_show(booking: Booking, claim: SlotClaim, service: ServiceDefinition) -> None:
    """Spare whoever shows the booking the reading of its service and notary."""
    booking.shown = Shown(
        service_id=service.id,
        service_slug=service.slug,
        service_name=service.name,
        service_type=service.type.value,
        notary_name=claim.notary_name or claim.notary.name,
    )


def _attach(claim: SlotClaim, booking_id: UUID, due_cents: int) -> None:
    """Make a hold the booking's; one that nothing is due for is booked with the confirmation."""
    if due_cents and claim.state == ClaimState.HELD:
        open_window(claim=claim, booking_id=booking_id)
    elif due_cents:
        claims.attach(claim=claim, booking_id=booking_id)
    claim.booking_id = booking_id


def _take_promo(request: BookingRequest, now: datetime) -> PromoCode | None:
    if not request.wanted.promo_code:
        return None
    return promotions.take(
        code=request.wanted.promo_code, customer_email=request.customer.email, now=now
    )


def _with_fresh_reference(attempt: Callable[[int], Booking]) -> Callable[[int], Booking]:
    def again(notary_id: int) -> Booking:
        try:
            return attempt(notary_id)
        except IntegrityError as error:
            if sqlstate(error) == UNIQUE_VIOLATION and "reference" in str(error):
                raise transactions.RollBackAndRetry from error
            raise

    return again

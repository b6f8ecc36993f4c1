"""Create a booking: claim, row, timeline, payment due and outside jobs, all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import IntegrityError

from bookings import claims, holders, locks, promotions, timeline
from bookings.actions.begin_payment import open_window
from bookings.actions.confirm_booking import confirm_booking
from bookings.errors import HoldExpired, HoldNotFound, PriceChanged, SlotTaken
from bookings.events import BookingCreated
from bookings.holders import Holder
from bookings.models import Booking, SlotClaim
from bookings.policy import Policy
from bookings.quoting import Wanted, agreed_price, claim_facts
from bookings.references import new_reference
from bookings.slots import alternatives, win
from bookings.states import BookingStatus, ClaimState, TimelineAction
from hmnp.accounts.models import Partner, Terms
from hmnp.core import tokens, transactions
from hmnp.core.context import Actor, ActorType
from hmnp.core.crashpoints import crashpoint
from hmnp.core.errors import Fault, ValidationFailed
from hmnp.core.events import emit
from hmnp.core.idempotency import Idempotency, once
from hmnp.core.tokens import Token
from hmnp.core.transactions import UNIQUE_VIOLATION, sqlstate
from services.models import PromoCode
from services.pricing import Pricing

# The text customers accept; a new text gets a new version.
TERMS_VERSION = "2026-11"


@dataclass(frozen=True)
class CustomerDetails:
    """Who the appointment is for, and where."""

    name: str
    email: str
    phone: str
    street: str = ""
    unit: str = ""
    city: str = ""
    state: str = ""
    signer_details: list[dict[str, Any]] = field(default_factory=list)
    special_instructions: str = ""
    locale: str = "en"
    sms_consent: bool = False


@dataclass(frozen=True)
class BookingRequest:
    """What is asked for; `token` is that of a hold for the same time."""

    wanted: Wanted
    customer: CustomerDetails
    token: Token | None = None
    quote_token: str | None = None
    expected_cents: int | None = None
    payment_intent_id: str | None = None
    partner: Partner | None = None

    def due_nothing(self, actor: Actor) -> bool:
        """Partners on statement terms are billed later; staff see to the money themselves."""
        on_statement = self.partner is not None and self.partner.terms == Terms.STATEMENT
        return on_statement or actor.type == ActorType.ADMIN


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
    refusals of a price; every refusal leaves nothing behind.
    """
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
    )
    facts = claim_facts(wanted=wanted, pricing=pricing)

    def attempt(notary_id: int) -> Booking:
        if idempotency:
            idempotency.begin()
        locks.lock_notaries(notary_ids=[notary_id])
        crashpoint("create.locked")
        claim = claims.take(
            facts=facts,
            notary_id=notary_id,
            holder_key=holder.key,
            state=ClaimState.HELD,
            now=transactions.database_now(),
        )
        return _book(request, claim, pricing, actor, now, idempotency)

    return win(
        service=wanted.service,
        starts_at=wanted.starts_at,
        zip_code=wanted.zip_code,
        now=now,
        attempt=_with_fresh_reference(attempt),
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
        if idempotency:
            idempotency.begin()
        claim = locks.lock_claim(claim_id=token.subject_id)
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
    is_over = claim.expires_at is None or claim.expires_at <= transactions.database_now()
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
    """Write the booking for a claim whose calendar is locked."""
    promo = _take_promo(request, now)
    if request.due_nothing(actor) and claim.intent_at is None:
        pricing = pricing.without_deposit()
    due_cents = pricing.deposit_required_cents
    booking = _insert(request, claim, pricing, due_cents, actor, now)
    if promo is not None:
        promotions.redeem(promo=promo, booking=booking, now=now)
    claim.booking_id = booking.pk
    if due_cents:
        open_window(claim=claim, now=now, booking=booking)
    SlotClaim.objects.filter(pk=claim.pk).update(booking=booking)
    if due_cents:
        booking.expires_at = claim.expires_at
        Booking.objects.filter(pk=booking.pk).update(expires_at=claim.expires_at)
    crashpoint("create.written")
    timeline.record(
        booking=booking,
        action=TimelineAction.CREATED,
        actor=actor,
        now=now,
        metadata={
            "priceCents": pricing.final_price_cents,
            "dueCents": due_cents,
            "termsVersion": TERMS_VERSION,
        },
    )
    emit(
        BookingCreated(
            booking_id=booking.pk,
            version=booking.version,
            actor=actor,
            claim_id=claim.pk,
            due_cents=due_cents,
            payment_intent_id=request.payment_intent_id,
        )
    )
    if not due_cents:
        confirm_booking(booking=booking, claim=claim, actor=actor, now=now)
    else:
        # Reacting to the fact, the payment made on the hold may have confirmed it.
        booking.refresh_from_db()
    crashpoint("create.before_commit")
    if idempotency:
        idempotency.finish(booking)
    return booking


def _take_promo(request: BookingRequest, now: datetime) -> PromoCode | None:
    if not request.wanted.promo_code:
        return None
    return promotions.take(
        code=request.wanted.promo_code, customer_email=request.customer.email, now=now
    )


def _insert(
    request: BookingRequest,
    claim: SlotClaim,
    pricing: Pricing,
    due_cents: int,
    actor: Actor,
    now: datetime,
) -> Booking:
    wanted, customer = request.wanted, request.customer
    service = wanted.service
    booking_id = uuid4()
    access = tokens.derive(purpose=tokens.ACCESS, subject_id=booking_id)
    return Booking.objects.create(
        id=booking_id,
        reference=new_reference(),
        status=BookingStatus.PENDING_PAYMENT,
        service_id=service.id,
        notary_id=claim.notary_id,
        partner=request.partner,
        starts_at=claim.starts_at,
        ends_at=claim.ends_at,
        timezone=service.timezone.key,
        customer_name=customer.name,
        customer_email=customer.email,
        customer_phone=customer.phone,
        street=customer.street,
        unit=customer.unit,
        city=customer.city,
        state=customer.state,
        zip_code=wanted.zip_code or "",
        signers=wanted.signers,
        documents=wanted.documents,
        signer_details=customer.signer_details,
        special_instructions=customer.special_instructions,
        locale=customer.locale,
        pricing=pricing.to_snapshot(),
        price_cents=pricing.final_price_cents,
        due_now_cents=due_cents,
        promo_code=wanted.promo_code or "",
        is_emergency=claim.is_emergency,
        policy=Policy.of(service).to_snapshot(),
        tier_starts_at=claim.starts_at,
        terms_version=TERMS_VERSION,
        terms_accepted_at=now,
        terms_ip=actor.ip,
        sms_consent_at=now if customer.sms_consent else None,
        sms_consent_ip=actor.ip if customer.sms_consent else None,
        access_key_id=access.key_id,
        access_hash=access.hash,
        created_at=now,
        updated_at=now,
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

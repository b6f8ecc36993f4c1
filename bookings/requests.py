"""What is asked for when somebody books, and the row it becomes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from phonenumber_field.phonenumber import PhoneNumber

from bookings.models import Booking, SlotClaim
from bookings.policy import Policy
from bookings.quoting import Wanted
from bookings.references import new_reference
from bookings.schedules import Schedules
from bookings.staff_terms import CUSTOMERS_TERMS, StaffTerms
from bookings.states import BookingStatus
from hmnp.accounts.models import Partner, Terms
from hmnp.core import tokens
from hmnp.core.context import Actor, ActorType
from hmnp.core.tokens import Token
from services.pricing import Pricing

# The text customers accept; a new text gets a new version.
TERMS_VERSION = "2026-11"


@dataclass(frozen=True)
class CustomerDetails:
    """Who the appointment is for, and where."""

    name: str
    email: str
    phone: str | PhoneNumber
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
    """What is asked for; `token` is that of a hold for the same time, `terms` are staff's.

    `seen` is what is known of the calendars around it, if they were just read.
    """

    wanted: Wanted
    customer: CustomerDetails
    token: Token | None = None
    quote_token: str | None = None
    expected_cents: int | None = None
    payment_intent_id: str | None = None
    partner: Partner | None = None
    terms: StaffTerms = CUSTOMERS_TERMS
    seen: Schedules | None = None

    def due_nothing(self, actor: Actor) -> bool:
        """Partners on statement terms are billed later; staff see to the money themselves."""
        on_statement = self.partner is not None and self.partner.terms == Terms.STATEMENT
        return on_statement or actor.type == ActorType.ADMIN


def new_booking(
    *,
    request: BookingRequest,
    booking_id: UUID,
    claim: SlotClaim,
    pricing: Pricing,
    actor: Actor,
    now: datetime,
) -> Booking:
    """Give the row of a booking on a claim, its price and policy as they are now.

    While something is due it ends with the claim.
    """
    wanted, customer = request.wanted, request.customer
    service = wanted.service
    access = tokens.derive(purpose=tokens.ACCESS, subject_id=booking_id)
    return Booking(
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
        due_now_cents=pricing.deposit_required_cents,
        expires_at=claim.expires_at if pricing.deposit_required_cents else None,
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

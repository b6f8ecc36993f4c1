"""Which price a hold or a booking gets: the one promised, or a fresh one the customer agreed to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bookings.claims import ClaimFacts
from bookings.errors import PriceChanged
from bookings.models import Booking, SlotClaim
from services import quotes
from services.agreed import AS_LISTED, Agreed
from services.definitions import ServiceDefinition
from services.presenters import pricing_body
from services.pricing import Pricing


@dataclass(frozen=True)
class Wanted:
    """What a price depends on, as the customer asks for it."""

    service: ServiceDefinition
    starts_at: datetime
    zip_code: str | None
    signers: int
    documents: int
    promo_code: str | None

    def facts(self) -> dict[str, Any]:
        """Give the arguments every function of `services.quotes` takes."""
        return dict(vars(self))

    def is_same_as(self, claim: SlotClaim) -> bool:
        """Tell whether a claim was priced for just this."""
        return self.first_difference(claim) is None

    def first_difference(self, claim: SlotClaim) -> str | None:
        """Name the API field in which this differs from what a claim was priced for."""
        pairs = {
            "serviceId": (self.service.id, claim.service_id),
            "scheduledDateTime": (self.starts_at, claim.starts_at),
            "address.zip": (self.zip_code or "", claim.customer_zip),
            "signers": (self.signers, claim.signers),
            "documents": (self.documents, claim.documents),
            "promoCode": (self.promo_code or "", claim.promo_code),
        }
        return next((name for name, (mine, theirs) in pairs.items() if mine != theirs), None)


def agreed_price(
    *,
    wanted: Wanted,
    quote_token: str | None,
    expected_cents: int | None,
    claim: SlotClaim | None,
    now: datetime,
    agreed: Agreed = AS_LISTED,
) -> Pricing:
    """Give the price to use: frozen by an intent, else promised by a live quote, else kept with a
    hold for the same facts, else as of now.

    Raises `PriceChanged` when a quote that no longer holds, or the expected price, differs from
    it; and what `quotes.quote` raises.
    """
    promised = (
        quotes.honour_quote(token=quote_token, now=now, **wanted.facts()) if quote_token else None
    )
    kept = claim is not None and wanted.is_same_as(claim)
    if claim is not None and kept and (claim.intent_at is not None or promised is None):
        pricing = Pricing.from_snapshot(claim.pricing)
    elif promised is not None:
        pricing = promised
    else:
        pricing = quotes.quote(
            now=now,
            is_emergency=claim.is_emergency if claim is not None else None,
            agreed=agreed,
            **wanted.facts(),
        )
    shown = {expected_cents}
    if quote_token and promised is None:
        shown.add(quotes.promised_cents(token=quote_token))
    if shown - {None, pricing.final_price_cents}:
        raise PriceChanged(
            details={"pricing": fresh_quote(wanted=wanted, pricing=pricing, now=now)}
        )
    return pricing


def fresh_quote(*, wanted: Wanted, pricing: Pricing, now: datetime) -> dict[str, Any]:
    """Give a price as the API shows it, with a new quote token."""
    signed = quotes.sign_quote(pricing=pricing, now=now, **wanted.facts())
    return pricing_body(service=wanted.service, pricing=pricing, signed=signed)


def claim_facts(*, wanted: Wanted, pricing: Pricing) -> ClaimFacts:
    """Give what a claim keeps of what was asked for and of its price."""
    return ClaimFacts(
        service=wanted.service,
        starts_at=wanted.starts_at,
        customer_zip=wanted.zip_code,
        signers=wanted.signers,
        documents=wanted.documents,
        promo_code=wanted.promo_code or "",
        is_emergency=pricing.is_emergency,
        pricing=pricing.to_snapshot(),
    )


def booked_facts(
    *, booking: Booking, service: ServiceDefinition, starts_at: datetime
) -> ClaimFacts:
    """Give what a claim for a booking that lost its own keeps; the price stays the booking's."""
    return ClaimFacts(
        service=service,
        starts_at=starts_at,
        customer_zip=booking.zip_code or None,
        signers=booking.signers,
        documents=booking.documents,
        promo_code=booking.promo_code,
        is_emergency=booking.is_emergency,
        pricing=booking.pricing,
    )

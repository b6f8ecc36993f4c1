"""A price for what somebody asks for, and the signed promise to honour it for half an hour."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core import signing

from hmnp.core.errors import Fault, ValidationFailed
from services import promo_codes, promos
from services.agreed import AS_LISTED, Agreed
from services.definitions import ServiceDefinition
from services.errors import PromoInvalid
from services.pricing import PriceFacts, Pricing, calculate_pricing
from services.promos import PromoTerms

QUOTE_LIFETIME = timedelta(minutes=30)
# No horizon reaches farther; nobody knows the prices, or the holidays, of the year 9999.
FARTHEST = timedelta(days=2 * 366)

_SALT = "services.quotes.1"


@dataclass(frozen=True)
class SignedQuote:
    """A quote token and the moment it ends."""

    token: str
    expires_at: datetime


def quote(
    *,
    service: ServiceDefinition,
    starts_at: datetime,
    zip_code: str | None,
    signers: int,
    documents: int,
    promo_code: str | None,
    now: datetime,
    is_emergency: bool | None = None,
    move_fee_cents: int = 0,
    due_nothing: bool = False,
    is_promo_taken: bool = False,
    agreed: Agreed = AS_LISTED,
) -> Pricing:
    """Price what is asked for, in cents, with the promo code's row as it is now.

    `is_promo_taken`: the booking priced anew has used its code already, so that only what the
    code takes off is asked, not whether it may still be used; under its minimum it lapses.
    `agreed` is what staff agreed instead of the tables; nobody else may bring one.
    Raises `ValidationFailed` with every fault at once, `UnknownZip`, `OutOfServiceArea`,
    `PromoInvalid`.
    """
    faults = request_faults(
        service=service,
        starts_at=starts_at,
        zip_code=zip_code,
        signers=signers,
        documents=documents,
        now=now,
    )
    if faults:
        raise ValidationFailed(*faults)

    def price(promo: PromoTerms | None) -> Pricing:
        facts = PriceFacts(
            starts_at=starts_at,
            judged_at=now,
            signers=signers,
            documents=documents,
            zip_code=zip_code,
            promo=promo,
            is_emergency=is_emergency,
            move_fee_cents=move_fee_cents,
            due_nothing=due_nothing,
            agreed=agreed,
        )
        return calculate_pricing(service=service, facts=facts)

    if not promo_code:
        return price(None)
    row = promo_codes.find_promo(code=promo_code)
    terms = promo_codes.promo_terms(promo=row) if row else None
    if is_promo_taken and terms is not None:
        try:
            return price(terms)
        except PromoInvalid:
            return price(None)
    uses = row.times_used if row else 0
    return price(promos.check_usable(terms=terms, uses=uses, customer_uses=None, at=now))


def sign_quote(
    *,
    service: ServiceDefinition,
    starts_at: datetime,
    zip_code: str | None,
    signers: int,
    documents: int,
    promo_code: str | None,
    pricing: Pricing,
    now: datetime,
) -> SignedQuote:
    """Sign a price together with the facts it is for, for 30 minutes from `now`."""
    return sign_snapshot(
        service=service,
        starts_at=starts_at,
        zip_code=zip_code,
        signers=signers,
        documents=documents,
        promo_code=promo_code,
        snapshot=json.dumps(pricing.to_snapshot(), separators=(",", ":")).encode(),
        now=now,
    )


def sign_snapshot(
    *,
    service: ServiceDefinition,
    starts_at: datetime,
    zip_code: str | None,
    signers: int,
    documents: int,
    promo_code: str | None,
    snapshot: bytes,
    now: datetime,
) -> SignedQuote:
    """Do what `sign_quote` does for a price that is JSON already."""
    expires_at = now + QUOTE_LIFETIME
    promise = {
        "service": str(service.id),
        "facts": _facts(starts_at, zip_code, signers, documents, promo_code),
        "until": int(expires_at.timestamp()),
    }
    head = json.dumps(promise, separators=(",", ":")).encode()
    whole = head[:-1] + b',"pricing":' + snapshot + b"}"
    token = signing.dumps(whole, salt=_SALT, serializer=_AsItIs, compress=True)
    return SignedQuote(token=token, expires_at=expires_at)


class _AsItIs:
    """Signs JSON that is written already."""

    def dumps(self, obj: Any) -> bytes:
        """Give it back."""
        written: bytes = obj
        return written

    def loads(self, data: bytes) -> Any:
        """Give it back."""
        return data


def honour_quote(
    *,
    token: str,
    service: ServiceDefinition,
    starts_at: datetime,
    zip_code: str | None,
    signers: int,
    documents: int,
    promo_code: str | None,
    now: datetime,
) -> Pricing | None:
    """Give the price a live quote for these very facts promised, else None.

    Raises `ValidationFailed` on `quoteToken` when we did not sign it, or for another service.
    """
    promise = _read(token)
    if promise["service"] != str(service.id):
        raise _bad_token("other_service", "This quote is for another service.")
    if now.timestamp() >= promise["until"]:
        return None
    if promise["facts"] != _facts(starts_at, zip_code, signers, documents, promo_code):
        return None
    return Pricing.from_snapshot(promise["pricing"])


def promised_cents(*, token: str) -> int:
    """Give the total in cents that a quote showed, live or not.

    Raises `ValidationFailed` on `quoteToken` when we did not sign it.
    """
    return Pricing.from_snapshot(_read(token)["pricing"]).final_price_cents


def _read(token: str) -> dict[str, Any]:
    try:
        promise: dict[str, Any] = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        raise _bad_token("invalid", "This quote is not one of ours.") from None
    return promise


def _facts(
    starts_at: datetime,
    zip_code: str | None,
    signers: int,
    documents: int,
    promo_code: str | None,
) -> list[Any]:
    promo = promo_codes.normal_code(promo_code) if promo_code else None
    return [starts_at.astimezone(UTC).isoformat(), zip_code, signers, documents, promo]


def _bad_token(code: str, message: str) -> ValidationFailed:
    return ValidationFailed(Fault("quoteToken", code, message))


def request_faults(
    *,
    service: ServiceDefinition,
    starts_at: datetime | None,
    zip_code: str | None,
    signers: int | None,
    documents: int | None,
    now: datetime,
) -> list[Fault]:
    """List what is wrong with a request as such, before anything is priced.

    A value that is None for another reason than being left out was found faulty before.
    """
    faults = []
    if starts_at is not None and starts_at <= now:
        faults.append(Fault("scheduledDateTime", "past", "This time is past."))
    if starts_at is not None and starts_at > now + FARTHEST:
        faults.append(Fault("scheduledDateTime", "too_far", "We do not plan that far ahead."))
    if service.is_mobile and not zip_code:
        faults.append(Fault("zip", "required", "Tell us the ZIP code we are to come to."))
    if service.is_mobile and zip_code and not re.fullmatch(r"[0-9]{5}", zip_code):
        faults.append(Fault("zip", "invalid", "A ZIP code has five digits."))
    if not service.is_mobile and zip_code:
        faults.append(Fault("zip", "not_accepted", "An online appointment has no place."))
    for name, count, most in (
        ("signers", signers, service.max_signers),
        ("documents", documents, service.max_documents),
    ):
        if count is None:
            continue
        if count < 1:
            faults.append(Fault(name, "min_value", "There must be at least one."))
        elif most is not None and count > most:
            faults.append(Fault(name, "max_value", f"We take at most {most} here."))
    return faults

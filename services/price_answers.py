"""Prices that are only shown, kept as they go out: family `pricing`, half an hour.

Kept is the price, never the promise: each answer carries a quote of its own, signed now. Whoever
holds or books is priced anew (`services.quotes`). A price with a promo code is never kept, since
the code's uses change it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from hmnp.core.cache import Family, fetch_one
from hmnp.core.times import rfc3339
from services import areas, quotes
from services.definitions import ServiceDefinition
from services.presenters import price_body
from services.pricing import TIME_SURCHARGES, PriceFacts, is_emergency
from services.rule_times import rule_applies

PRICING = Family("pricing", 30 * 60)


def price_answer(
    *,
    service: ServiceDefinition,
    version: int,
    starts_at: datetime,
    zip_code: str | None,
    signers: int,
    documents: int,
    promo_code: str | None,
    now: datetime,
) -> bytes:
    """Give the API's answer to a request for a price, the catalogue being at `version`.

    Raises what `quotes.quote` raises.
    """

    def build() -> bytes:
        if service.area is not None and zip_code:
            areas.check_served(area=service.area, zip_code=zip_code)
        pricing = quotes.quote(
            service=service,
            starts_at=starts_at,
            zip_code=zip_code,
            signers=signers,
            documents=documents,
            promo_code=promo_code,
            now=now,
        )
        # A signed text is ASCII, an answer UTF-8.
        snapshot = json.dumps(pricing.to_snapshot(), separators=(",", ":")).encode()
        body = json.dumps(price_body(pricing=pricing), ensure_ascii=False, separators=(",", ":"))
        return snapshot + b"\n" + body.encode()

    if promo_code:
        kept = build()
    else:
        when = _what_counts(service=service, starts_at=starts_at, now=now)
        key = [service.slug, zip_code or "", signers, documents, *when, version]
        kept = fetch_one(family=PRICING, key=":".join(map(str, key)), build=build)
    snapshot, body = kept.split(b"\n")
    signed = quotes.sign_snapshot(
        service=service,
        starts_at=starts_at,
        zip_code=zip_code,
        signers=signers,
        documents=documents,
        promo_code=promo_code,
        snapshot=snapshot,
        now=now,
    )
    ends_at = rfc3339(signed.expires_at, zone=service.timezone)
    return b'{"serviceId":"%s",%s,"quoteToken":"%s","expiresAt":"%s"}' % (
        str(service.id).encode(),
        body[1:-1],
        signed.token.encode(),
        ends_at.encode(),
    )


def _what_counts(
    *, service: ServiceDefinition, starts_at: datetime, now: datetime
) -> Sequence[object]:
    """Give all that a price takes from its start: surcharges, emergency, the rates of the day."""
    local = starts_at.astimezone(service.timezone)
    day = local.date()
    rules = (service.rule(code) for code in TIME_SURCHARGES)
    facts = PriceFacts(starts_at=starts_at, judged_at=now, signers=1, documents=1)
    return (
        "+".join(rule.code for rule in rules if rule and rule_applies(rule=rule, local=local)),
        is_emergency(service, facts),
        *(
            rate.amount_cents
            for rate in service.statutory_rates
            if rate.valid_from <= day and (rate.valid_until is None or day < rate.valid_until)
        ),
    )

"""The catalogue and prices in the API's words, and what the pages say of a service."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hmnp.core.money import CURRENCY, dollars
from hmnp.core.times import at_minute, local_date, rfc3339, show_minute
from services.definitions import (
    DepositKind,
    RuleCode,
    ServiceArea,
    ServiceDefinition,
)
from services.pricing import PriceFacts, Pricing, calculate_pricing, due_now_cents
from services.quotes import SignedQuote

_RULE_KINDS = {
    RuleCode.EXTRA_SIGNER: "EXTRA_SIGNER",
    RuleCode.EXTRA_DOCUMENT: "EXTRA_DOCUMENT",
}
_DOLLARS = CURRENCY


def service_body(*, service: ServiceDefinition) -> dict[str, Any]:
    """Give a service as the API's ServiceDefinition."""
    return {
        "id": str(service.id),
        "slug": service.slug,
        "name": service.name,
        "description": service.description,
        "type": service.type.value,
        "basePrice": dollars(service.base_price_cents),
        "depositRequired": service.deposit_kind is not DepositKind.NONE,
        "depositAmount": dollars(
            due_now_cents(service=service, price_cents=service.base_price_cents)
        ),
        "depositRule": {"kind": service.deposit_kind.value, "value": _deposit_value(service)},
        "duration": service.duration_minutes,
        "maxSigners": service.max_signers,
        "maxDocuments": service.max_documents,
        "serviceArea": _area_body(service.area) if service.area else None,
        "hours": [
            {
                "weekday": hours.weekday,
                "opens": show_minute(hours.opens_minute),
                "closes": show_minute(hours.closes_minute),
            }
            for hours in service.hours
        ],
        "businessRules": _business_rules(service),
        "integrations": [
            {
                "name": integration.name,
                "required": integration.required,
                "priority": integration.priority,
                "retryPolicy": {
                    "maxAttempts": integration.max_attempts,
                    "giveUpAfterHours": integration.give_up_after_hours,
                },
                "rollbackAction": integration.rollback_action,
            }
            for integration in service.integrations
        ],
        "timezone": service.timezone.key,
        "currency": CURRENCY,
    }


def price_body(*, pricing: Pricing) -> dict[str, Any]:
    """Give a price in dollars: what a booking shows of its snapshot."""
    miles = pricing.distance_miles
    return {
        "basePrice": dollars(pricing.base_price_cents),
        "extraSigners": dollars(pricing.extra_signers_cents),
        "extraDocuments": dollars(pricing.extra_documents_cents),
        "travelFee": dollars(pricing.travel_fee_cents),
        "timeSurcharge": dollars(pricing.time_surcharge_cents),
        "emergencyFee": dollars(pricing.emergency_fee_cents),
        "moveFee": dollars(pricing.move_fee_cents),
        "promoDiscount": dollars(pricing.promo_discount_cents),
        "taxes": dollars(pricing.taxes_cents),
        "finalPrice": dollars(pricing.final_price_cents),
        "depositRequired": dollars(pricing.deposit_required_cents),
        "breakdown": [
            {
                "code": line.code,
                "label": line.label,
                "type": line.type.value,
                "amount": dollars(line.amount_cents),
            }
            for line in pricing.lines
        ],
        "distanceMiles": None if miles is None else round(miles, 2),
        "currency": CURRENCY,
    }


def pricing_body(
    *, service: ServiceDefinition, pricing: Pricing, signed: SignedQuote
) -> dict[str, Any]:
    """Give a quote as the API's PricingCalculation."""
    return {
        "serviceId": str(service.id),
        **price_body(pricing=pricing),
        "quoteToken": signed.token,
        "expiresAt": rfc3339(signed.expires_at, zone=service.timezone),
    }


def starting_price(*, service: ServiceDefinition, now: datetime) -> Pricing | None:
    """Give the lowest price somebody can really book a service for, or None without hours.

    One signer, one document, within the free miles, at the cheapest opening of two weeks.
    """
    nearby = replace(service, area=None)
    today = local_date(now, zone=service.timezone)
    prices = [
        calculate_pricing(
            service=nearby,
            facts=PriceFacts(
                starts_at=at_minute(day, hours.opens_minute, zone=service.timezone),
                judged_at=now,
                signers=1,
                documents=1,
                is_emergency=False,
            ),
        )
        for day in (today + timedelta(days=ahead) for ahead in range(1, 15))
        for hours in service.hours
        if hours.weekday == day.isoweekday()
    ]
    return min(prices, key=lambda pricing: pricing.final_price_cents, default=None)


def _deposit_value(service: ServiceDefinition) -> float:
    """Give the rule's value in the unit of its kind: percent of the price, or dollars."""
    match service.deposit_kind:
        case DepositKind.FIXED:
            return dollars(service.deposit_value)
        case DepositKind.FULL:
            return 100
        case _:
            return service.deposit_value


def _area_body(area: ServiceArea) -> dict[str, Any]:
    return {
        "centerPoint": {"lat": area.centre.lat, "lng": area.centre.lng},
        "standardRadius": _number(area.included_miles),
        "extendedRadius": _number(area.last_served_mile),
        "travelFeeRate": dollars(area.per_mile_cents),
        "travelBands": [
            {
                "overMiles": _number(band.over_miles),
                "upToMiles": _number(band.up_to_miles),
                "fee": dollars(band.fee_cents),
            }
            for band in area.bands
        ],
    }


def _business_rules(service: ServiceDefinition) -> list[dict[str, Any]]:
    rules = [
        _rule("NOTICE", "Shortest notice", "LEAD_TIME", service.notice_minutes, "minutes"),
        _rule("HORIZON", "Farthest ahead", "HORIZON", service.horizon_days, "days"),
    ]
    for rule in service.rules:
        kind = _RULE_KINDS.get(RuleCode(rule.code), "SURCHARGE")
        rules.append(_rule(rule.code, rule.label, kind, dollars(rule.amount_cents), _DOLLARS))
    for tier in service.cancellation_tiers:
        kept = dollars(tier.kept_cents)
        rules.append(_rule(tier.code, tier.label, "CANCEL_TIER", kept, _DOLLARS))
    return rules


def _rule(code: str, label: str, kind: str, value: float, unit: str) -> dict[str, Any]:
    return {"code": code, "label": label, "kind": kind, "value": value, "unit": unit}


def _number(value: Decimal) -> float:
    return float(value)

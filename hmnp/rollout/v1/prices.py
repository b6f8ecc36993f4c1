"""What V1 asked for an appointment, and what of it before. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from hmnp.rollout.v1.values import Row, money, pick
from services.definitions import ServiceDefinition
from services.pricing import LineType, Pricing

# V1's own default, by its schema.
_USUAL_DEPOSIT_CENTS = 2500


def deposit_cents(row: Row, service: ServiceDefinition, price_cents: int) -> int:
    """Give what V1 asked before the appointment."""
    status = str(row.get("depositStatus") or "").upper()
    if status in ("NOT_REQUIRED", "WAIVED_PROMO", "WAIVED"):
        return 0
    try:
        asked = money(row.get("depositAmount"))
    except ValueError:
        asked = None
    if asked is None:
        asked = _USUAL_DEPOSIT_CENTS if service.is_mobile else price_cents
    return min(max(asked, 0), price_cents)


def _cents(row: Row, *names: str) -> int:
    try:
        return max(money(pick(row, *names)) or 0, 0)
    except ValueError:
        return 0


def price_snapshot(
    row: Row, price_cents: int, due_cents: int, service: ServiceDefinition
) -> dict[str, Any]:
    """Give the agreed price in lines: what V1 asked is what counts, however it came about."""
    discount = _cents(row, "promoCodeDiscount")
    travel = _cents(row, "travelFee", "mileage_fee")
    urgency = _cents(row, "urgency_fee")
    base = price_cents + discount - travel - urgency
    if base < 0:
        base, travel, urgency, discount = price_cents, 0, 0, 0
    named = (
        ("BASE", f"{service.name}, as agreed before", LineType.BASE, base),
        ("TRAVEL", "Travel", LineType.FEE, travel),
        ("EMERGENCY", "Short notice", LineType.FEE, urgency),
        ("PROMO", "Promo code", LineType.DISCOUNT, -discount),
    )
    return {
        **_empty_snapshot(),
        "base_price_cents": base,
        "travel_fee_cents": travel,
        "emergency_fee_cents": urgency,
        "promo_discount_cents": discount,
        "final_price_cents": price_cents,
        "deposit_required_cents": due_cents,
        "lines": [
            {"code": code, "label": label, "type": kind.value, "amount_cents": cents}
            for code, label, kind, cents in named
            if cents or code == "BASE"
        ],
    }


@lru_cache
def _empty_snapshot() -> dict[str, Any]:
    """Give a snapshot of nothing, with whatever fields ours have."""
    return Pricing(
        base_price_cents=0,
        extra_signers_cents=0,
        extra_documents_cents=0,
        travel_fee_cents=0,
        time_surcharge_cents=0,
        emergency_fee_cents=0,
        move_fee_cents=0,
        promo_discount_cents=0,
        taxes_cents=0,
        final_price_cents=0,
        deposit_required_cents=0,
        lines=(),
        distance_miles=None,
        is_emergency=False,
    ).to_snapshot()

"""From a service's rows, as PostgreSQL writes them in JSON, to its definition."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.definitions import (
    CancellationTier,
    DepositKind,
    Hours,
    IntegrationRule,
    Point,
    PriceRule,
    ServiceArea,
    ServiceDefinition,
    ServiceType,
    StatutoryRate,
    TravelBand,
)


def definition_from_row(row: dict[str, Any]) -> ServiceDefinition:
    """Give the definition of one service from its rows as PostgreSQL writes them in JSON."""
    return ServiceDefinition(
        id=UUID(row["id"]),
        slug=row["slug"],
        name=row["name"],
        description=row["description"],
        type=ServiceType(row["type"]),
        is_active=row["is_active"],
        base_price_cents=row["base_price_cents"],
        deposit_kind=DepositKind(row["deposit_kind"]),
        deposit_value=row["deposit_value"],
        duration_minutes=row["duration_minutes"],
        wrap_up_minutes=row["wrap_up_minutes"],
        notice_minutes=row["notice_minutes"],
        horizon_days=row["horizon_days"],
        grid_minutes=row["grid_minutes"],
        included_signers=row["included_signers"],
        max_signers=row["max_signers"],
        included_documents=row["included_documents"],
        max_documents=row["max_documents"],
        tax_percent=Decimal(row["tax_percent"]),
        timezone=_zone(row["timezone"]),
        area=_area(row),
        hours=tuple(
            Hours(hours["weekday"], hours["opens_minute"], hours["closes_minute"])
            for hours in row["hours"]
        ),
        rules=tuple(_rule(rule) for rule in row["rules"]),
        statutory_rates=tuple(
            StatutoryRate(
                code=rate["code"],
                amount_cents=rate["amount_cents"],
                valid_from=date.fromisoformat(rate["valid_from"]),
                valid_until=date.fromisoformat(until) if (until := rate["valid_until"]) else None,
            )
            for rate in row["statutory_rates"]
        ),
        cancellation_tiers=tuple(
            CancellationTier(
                code=tier["code"],
                label=tier["label"],
                min_minutes_before=tier["min_minutes_before"],
                kept_cents=tier["kept_cents"],
                keeps_travel_fee=tier["keeps_travel_fee"],
            )
            for tier in row["cancellation_tiers"]
        ),
        move_fee_cents=row["move_fee_cents"],
        free_move_minutes=row["free_move_minutes"],
        integrations=tuple(
            IntegrationRule(
                name=integration["name"],
                required=integration["required"],
                priority=integration["priority"],
                max_attempts=integration["max_attempts"],
                give_up_after_hours=integration["give_up_after_hours"],
                rollback_action=integration["rollback_action"] or None,
            )
            for integration in row["integrations"]
        ),
    )


def _area(row: dict[str, Any]) -> ServiceArea | None:
    area = row["area"]
    if area is None:
        return None
    return ServiceArea(
        centre=Point(lat=float(area["centre_lat"]), lng=float(area["centre_lng"])),
        included_miles=Decimal(row["included_miles"]),
        last_served_mile=Decimal(area["last_served_mile"]),
        per_mile_cents=area["per_mile_cents"],
        bands=tuple(
            TravelBand(
                over_miles=Decimal(band["over_miles"]),
                up_to_miles=Decimal(band["up_to_miles"]),
                fee_cents=band["fee_cents"],
            )
            for band in area["bands"]
        ),
        centre_zip=area["centre_zip"],
    )


def _rule(rule: dict[str, Any]) -> PriceRule:
    return PriceRule(
        code=rule["code"],
        label=rule["label"],
        amount_cents=rule["amount_cents"],
        weekdays=tuple(rule["weekdays"]),
        before_minute=rule["before_minute"],
        from_minute=rule["from_minute"],
        within_minutes=rule["within_minutes"],
    )


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)

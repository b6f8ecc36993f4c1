"""V1's services, promo codes and notaries: few rows, each matched with ours or made."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError

from bookings.actions.import_notary import FormerNotary, import_notary
from hmnp.core import transactions
from hmnp.rollout.importing.fates import settle_row, waiting
from hmnp.rollout.models import V1Row
from hmnp.rollout.states import RowState, Table
from hmnp.rollout.v1 import values
from hmnp.rollout.v1.context import Context, note_notary, note_service, slug_of
from hmnp.rollout.v1.times import instant
from hmnp.rollout.v1.values import Row, money, pick, text
from services.actions.import_promo import FormerPromo, import_promo
from services.actions.import_service import import_service
from services.catalogue import require_service
from services.definitions import ServiceDefinition


def import_small_tables(*, context: Context) -> None:
    """Take over what bookings refer to; `context` knows it afterwards."""
    for table, take in (
        (Table.SERVICE, _take_service),
        (Table.PROMO_CODE, _take_promo),
        (Table.NOTARY, _take_notary),
    ):
        for kept in waiting(table):
            try:
                transactions.run(lambda kept=kept, take=take: take(kept, context))  # type: ignore[misc]  # bound in its own turn
            except (ValueError, ValidationError) as error:
                reason = "; ".join(getattr(error, "messages", [str(error)]))
                settle_row(kept.pk, state=RowState.REJECTED, reason=reason)


def _take_service(kept: V1Row, context: Context) -> None:
    row: Row = kept.row
    name = text(row, "name", most=80)
    slug = slug_of(row)
    if slug is not None and slug in context.by_slug:
        service = context.by_slug[slug]
        settle_row(kept.pk, state=RowState.MERGED, target=service.id, reason=f"is our {slug}")
        note_service(context, kept.v1_id, service, row)
        return
    if not name:
        raise ValueError("a service without a name")
    minutes = pick(row, "durationMinutes", "duration")
    like = context.by_slug.get("standard-notary") or _any_mobile(context)
    service_id, is_new = import_service(
        name=name,
        like=like.id,
        base_price_cents=money(row.get("basePrice")) or like.base_price_cents,
        duration_minutes=minutes
        if isinstance(minutes, int) and 0 < minutes <= 480
        else like.duration_minutes,
    )
    state = RowState.IMPORTED if is_new else RowState.MERGED
    settle_row(kept.pk, state=state, target=service_id, reason="history only, not on offer")
    note_service(context, kept.v1_id, require_service(id_or_slug=service_id), row)


def _any_mobile(context: Context) -> ServiceDefinition:
    for service in context.by_slug.values():
        if service.is_mobile:
            return service
    raise ValueError("our catalogue has no mobile service: run load_catalogue first")


def _take_promo(kept: V1Row, context: Context) -> None:
    row: Row = kept.row
    code = text(row, "code", most=40).upper()
    promo_id, is_new = import_promo(promo=_promo(row, code))
    state = RowState.IMPORTED if is_new else RowState.MERGED
    settle_row(kept.pk, state=state, target=promo_id)
    context.promos[kept.v1_id] = code


def _promo(row: Row, code: str) -> FormerPromo:
    is_percent = "PERCENT" in str(pick(row, "discountType", "type") or "").upper()
    value = pick(row, "discountValue", "value", "amount")
    limit = _whole(pick(row, "usageLimit", "maxUses"))
    used = _whole(pick(row, "usageCount", "usedCount", "timesUsed")) or 0
    return FormerPromo(
        code=code,
        description=text(row, "description", most=200),
        percent=Decimal(str(value or 0)) if is_percent else Decimal(0),
        amount_cents=0 if is_percent else (money(value) or 0),
        minimum_cents=money(pick(row, "minimumAmount", "minAmount")) or 0,
        max_discount_cents=money(pick(row, "maxDiscountAmount", "maximumDiscount")),
        valid_from=instant(pick(row, "validFrom", "startDate")),
        valid_until=_until(row),
        uses_left=max(limit - used, 0) if limit is not None else None,
        max_uses_per_customer=_whole(pick(row, "perCustomerLimit", "usageLimitPerUser")),
        is_active=row.get("isActive") is not False,
    )


def _until(row: Row) -> datetime | None:
    until, since = (
        instant(pick(row, "validUntil", "endDate", "expiresAt")),
        instant(pick(row, "validFrom", "startDate")),
    )
    if until is not None and since is not None and until <= since:
        raise ValueError("the code ends before it begins")
    return until


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int) and value > 0 else None


def _take_notary(kept: V1Row, context: Context) -> None:
    row: Row = kept.row
    address, is_address = values.email(row)
    if not is_address:
        raise ValueError("a notary without an e-mail address: export the user's with the profile")
    zip_code = values.place({"addressStreet": pick(row, "base_zip", "baseZip", "base_address")})
    notary_id, is_new = import_notary(
        notary=FormerNotary(
            name=text(row, "name", "full_name", most=100) or address.split("@")[0],
            email=address,
            phone=values.e164(text(row, "phone", most=40)),
            home_zip=zip_code.zip_code or _centre(context),
            daily_capacity=_whole(pick(row, "daily_capacity", "dailyCapacity")) or 8,
            opens_minute=_hour(row, "preferred_hours_start", 8),
            closes_minute=_hour(row, "preferred_hours_end", 20),
            is_active=_is_active(row),
            skills=[service.id for service in context.by_slug.values() if service.is_mobile],
        )
    )
    state = RowState.IMPORTED if is_new else RowState.MERGED
    settle_row(kept.pk, state=state, target=notary_id)
    note_notary(context, kept.v1_id, notary_id, row)


def _is_active(row: Row) -> bool:
    onboarding = str(pick(row, "onboarding_status", "onboardingStatus") or "").upper()
    return onboarding in ("COMPLETED", "COMPLETE", "APPROVED", "ACTIVE")


def _hour(row: Row, name: str, usual: int) -> int:
    value = row.get(name)
    hour = value if isinstance(value, int) and 0 <= value <= 24 else usual
    return hour * 60


def _centre(context: Context) -> str:
    areas = (service.area for service in context.by_slug.values() if service.area)
    return next((area.centre_zip for area in areas if area.centre_zip), "77591")

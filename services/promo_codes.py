"""Promo codes as rows: find, lock, count."""

from __future__ import annotations

import re

from django.db.models import F, Q

from services.errors import PromoInvalid, PromoReason
from services.models import PromoCode
from services.promos import PromoTerms

_CODE = re.compile(r"[A-Z0-9_-]{2,40}")


def normal_code(code: str) -> str:
    """Give a code as it is stored: in capitals, without the spaces around it."""
    return code.strip().upper()


def find_promo(*, code: str) -> PromoCode | None:
    """Give the code's row, or None; upper and lower case are the same."""
    if not _CODE.fullmatch(normal_code(code)):
        return None
    return PromoCode.objects.with_service_ids().filter(code=normal_code(code)).first()


def lock_promo(*, code: str) -> PromoCode | None:
    """Give the code's row under its lock until the transaction ends, or None.

    Taken after the notaries and before the booking; with it, no other booking can use up the
    limit between the check and `take_use`.
    """
    if not _CODE.fullmatch(normal_code(code)):
        return None
    locked = PromoCode.objects.with_service_ids().select_for_update(of=("self",))
    return locked.filter(code=normal_code(code)).first()


def promo_terms(*, promo: PromoCode) -> PromoTerms:
    """Give the row's terms as the pure rules read them."""
    return PromoTerms(
        code=promo.code,
        is_active=promo.is_active,
        percent=promo.percent,
        amount_cents=promo.amount_cents,
        minimum_cents=promo.minimum_cents,
        max_discount_cents=promo.max_discount_cents,
        valid_from=promo.valid_from,
        valid_until=promo.valid_until,
        max_uses=promo.max_uses,
        max_uses_per_customer=promo.max_uses_per_customer,
        service_ids=promo.service_ids(),
    )


def take_use(*, promo: PromoCode) -> None:
    """Count one more use of a locked code. Raises `PromoInvalid` when none is left."""
    left = Q(max_uses__isnull=True) | Q(times_used__lt=F("max_uses"))
    counted = PromoCode.objects.filter(left, pk=promo.pk).update(times_used=F("times_used") + 1)
    if not counted:
        raise PromoInvalid(PromoReason.USED_UP)


def give_back_use(*, promo_id: int) -> None:
    """Count one use less: its booking expired or was cancelled unpaid."""
    PromoCode.objects.filter(pk=promo_id, times_used__gt=0).update(times_used=F("times_used") - 1)

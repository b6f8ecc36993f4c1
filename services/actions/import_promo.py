"""Take over a promo code from the system before this one, with the uses it has left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from services.models import PromoCode


@dataclass(frozen=True)
class FormerPromo:
    """One code; `percent` or `amount_cents`, the other 0. `uses_left` None: no limit."""

    code: str
    description: str
    percent: Decimal
    amount_cents: int
    minimum_cents: int
    max_discount_cents: int | None
    valid_from: datetime | None
    valid_until: datetime | None
    uses_left: int | None
    max_uses_per_customer: int | None
    is_active: bool


def import_promo(*, promo: FormerPromo) -> tuple[int, bool]:
    """Give the code's id here and whether it is new, inside the caller's transaction.

    A code that is known is left as our staff keep it. Uses are counted anew: what was used before
    is taken off the limit. Raises `ValidationError` when it makes no sense.
    """
    known = PromoCode.objects.filter(code=promo.code).first()
    if known is not None:
        return known.pk, False
    made = PromoCode(
        code=promo.code,
        description=promo.description[:200],
        kind=PromoCode.Kind.PERCENT if promo.percent else PromoCode.Kind.FIXED,
        percent=promo.percent,
        amount_cents=promo.amount_cents,
        minimum_cents=promo.minimum_cents,
        max_discount_cents=promo.max_discount_cents,
        valid_from=promo.valid_from,
        valid_until=promo.valid_until,
        max_uses=promo.uses_left,
        max_uses_per_customer=promo.max_uses_per_customer,
        is_active=promo.is_active and promo.uses_left != 0,
    )
    made.full_clean()
    made.save()
    return made.pk, True

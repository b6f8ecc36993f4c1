"""What a promo code takes off, and why one is refused. Pure.

Checked in this order: exists, active, started, not over, uses left, of this customer too, for
this service, minimum reached. The first five and the customer's are `check_usable`; the last two
need the sum and are `discount_cents`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from hmnp.core.money import percent_of
from services.errors import PromoInvalid, PromoReason


@dataclass(frozen=True)
class PromoTerms:
    """What one code promises; either `percent` or `amount_cents` is over 0. Periods half-open."""

    code: str
    is_active: bool
    percent: Decimal
    amount_cents: int
    minimum_cents: int
    max_discount_cents: int | None
    valid_from: datetime | None
    valid_until: datetime | None
    max_uses: int | None
    max_uses_per_customer: int | None
    service_ids: frozenset[UUID]


def check_usable(
    *, terms: PromoTerms | None, uses: int, customer_uses: int | None, at: datetime
) -> PromoTerms:
    """Give `terms` back when the code may be used at `at`.

    `uses` are all those so far, `customer_uses` one customer's (None: not known yet, not
    checked). Raises `PromoInvalid`.
    """
    if terms is None:
        raise PromoInvalid(PromoReason.UNKNOWN)
    if not terms.is_active:
        raise PromoInvalid(PromoReason.INACTIVE)
    if terms.valid_from is not None and at < terms.valid_from:
        raise PromoInvalid(PromoReason.NOT_STARTED)
    if terms.valid_until is not None and at >= terms.valid_until:
        raise PromoInvalid(PromoReason.EXPIRED)
    if terms.max_uses is not None and uses >= terms.max_uses:
        raise PromoInvalid(PromoReason.USED_UP)
    per_customer = terms.max_uses_per_customer
    if per_customer is not None and customer_uses is not None and customer_uses >= per_customer:
        raise PromoInvalid(PromoReason.USED_BY_CUSTOMER)
    return terms


def discount_cents(*, terms: PromoTerms, service_id: UUID, sum_cents: int) -> int:
    """Give what the code takes off a sum before tax, in cents; never more than the sum.

    Raises `PromoInvalid` for another service and below the minimum.
    """
    if terms.service_ids and service_id not in terms.service_ids:
        raise PromoInvalid(PromoReason.OTHER_SERVICE)
    if sum_cents < terms.minimum_cents:
        raise PromoInvalid(PromoReason.BELOW_MINIMUM)
    discount = terms.amount_cents or percent_of(sum_cents, terms.percent)
    if terms.max_discount_cents is not None:
        discount = min(discount, terms.max_discount_cents)
    return min(discount, sum_cents)

"""Why a promo code is refused, in the order of the checks, and what it takes off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from services.errors import PromoInvalid, PromoReason
from services.promos import check_usable, discount_cents
from services.tests.factories import promo

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
SERVICE = uuid4()
# Each change alone refuses the code; together the first in this order is the reason.
FAULTS: list[tuple[PromoReason, dict[str, Any]]] = [
    (PromoReason.INACTIVE, {"is_active": False}),
    (PromoReason.NOT_STARTED, {"valid_from": NOW + timedelta(seconds=1)}),
    (PromoReason.EXPIRED, {"valid_until": NOW}),
    (PromoReason.USED_UP, {"max_uses": 3}),
    (PromoReason.USED_BY_CUSTOMER, {"max_uses_per_customer": 1}),
    (PromoReason.OTHER_SERVICE, {"service_ids": frozenset([uuid4()])}),
    (PromoReason.BELOW_MINIMUM, {"minimum_cents": 10_001}),
]


def refusal(**changes: Any) -> PromoReason | None:
    """Run all checks as a booking does: 3 uses so far, 1 by this customer, a sum of 100."""
    terms = promo(**changes)
    try:
        check_usable(terms=terms, uses=3, customer_uses=1, at=NOW)
        discount_cents(terms=terms, service_id=SERVICE, sum_cents=10_000)
    except PromoInvalid as error:
        return error.reason
    return None


@pytest.mark.parametrize(("reason", "change"), FAULTS)
def test_each_fault_refuses_the_code(reason: PromoReason, change: dict[str, Any]) -> None:
    assert refusal() is None
    assert refusal(**change) is reason


@pytest.mark.parametrize("first", range(len(FAULTS)))
def test_the_first_fault_in_order_is_the_reason(first: int) -> None:
    changes: dict[str, Any] = {}
    for _, change in FAULTS[first:]:
        changes.update(change)
    assert refusal(**changes) is FAULTS[first][0]


def test_an_unknown_code_comes_before_everything() -> None:
    with pytest.raises(PromoInvalid) as refused:
        check_usable(terms=None, uses=0, customer_uses=None, at=NOW)
    assert refused.value.code == "PROMO_INVALID"
    assert refused.value.status == 422
    assert refused.value.field == "promoCode"
    assert refused.value.details == {"reason": "UNKNOWN"}


def test_the_period_is_half_open() -> None:
    assert refusal(valid_from=NOW, valid_until=NOW + timedelta(seconds=1)) is None


def test_the_last_use_is_still_one() -> None:
    assert refusal(max_uses=4, max_uses_per_customer=2) is None


def test_an_unknown_customer_is_not_judged() -> None:
    terms = promo(max_uses_per_customer=1)
    assert check_usable(terms=terms, uses=9, customer_uses=None, at=NOW) is terms


@pytest.mark.parametrize(
    ("changes", "sum_cents", "discount"),
    [
        ({"percent": Decimal(10)}, 8500, 850),
        ({"percent": Decimal(10)}, 8505, 851),
        ({"percent": Decimal("33.33")}, 8500, 2833),
        ({"percent": Decimal(10), "max_discount_cents": 500}, 8500, 500),
        ({"percent": Decimal(10), "max_discount_cents": 850}, 8500, 850),
        ({"percent": Decimal(100)}, 8500, 8500),
        ({"percent": Decimal(0), "amount_cents": 1500}, 8500, 1500),
        ({"percent": Decimal(0), "amount_cents": 9000}, 8500, 8500),
        ({"percent": Decimal(0), "amount_cents": 9000, "max_discount_cents": 700}, 8500, 700),
        ({"minimum_cents": 8500}, 8500, 850),
        ({"service_ids": frozenset([SERVICE])}, 8500, 850),
    ],
)
def test_what_it_takes_off(changes: dict[str, Any], sum_cents: int, discount: int) -> None:
    terms = promo(**changes)
    assert discount_cents(terms=terms, service_id=SERVICE, sum_cents=sum_cents) == discount

"""A price of our own making: only ever lower, on a line of its own, kept when priced anew."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from hmnp.core.errors import ValidationFailed
from services.agreed import Agreed
from services.errors import OutOfServiceArea
from services.pricing import Pricing
from services.quotes import quote
from services.tests.fixtures import Catalogue

START = datetime(2026, 12, 8, 16, 0, tzinfo=UTC)


def price(catalogue: Catalogue, agreed: Agreed, **changes: Any) -> Pricing:
    """Price a Standard appointment downtown: 85 and 45 for the way."""
    asked = {"zip_code": "77002", "signers": 1, "documents": 1, "promo_code": None, **changes}
    now = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)
    return quote(service=catalogue.standard, starts_at=START, now=now, agreed=agreed, **asked)


def test_an_agreed_total_is_a_line_and_half_of_it_is_due(catalogue: Catalogue) -> None:
    agreed = price(catalogue, Agreed(total_cents=10000))
    assert (agreed.final_price_cents, agreed.deposit_required_cents) == (10000, 5000)
    assert sum(line.amount_cents for line in agreed.lines) == 10000
    assert (agreed.lines[-1].code, agreed.lines[-1].amount_cents) == ("AGREED", -3000)
    # The contract's sum holds: what is agreed counts among the discounts.
    assert agreed.promo_discount_cents == 3000
    assert Pricing.from_snapshot(agreed.to_snapshot()) == agreed


def test_priced_anew_the_same_amount_comes_off(catalogue: Catalogue) -> None:
    agreed = price(catalogue, Agreed(total_cents=10000)).agreed
    assert price(catalogue, agreed, documents=5).final_price_cents == 11000
    snapshot = {**price(catalogue, Agreed()).to_snapshot()}
    del snapshot["agreed_discount_cents"], snapshot["agreed_travel_fee_cents"]
    assert Pricing.from_snapshot(snapshot).agreed == Agreed()


@pytest.mark.parametrize("total_cents", [13001, -1])
def test_a_price_is_never_raised_or_below_nothing(catalogue: Catalogue, total_cents: int) -> None:
    with pytest.raises(ValidationFailed) as refused:
        price(catalogue, Agreed(total_cents=total_cents))
    assert refused.value.field == "agreedPrice"


def test_beyond_the_area_only_an_agreed_travel_fee_helps(catalogue: Catalogue) -> None:
    with pytest.raises(OutOfServiceArea):
        price(catalogue, Agreed(total_cents=10000), zip_code="77450")
    far = price(catalogue, Agreed(travel_fee_cents=9000), zip_code="77450")
    assert (far.travel_fee_cents, far.final_price_cents) == (9000, 17500)
    assert price(catalogue, Agreed(travel_fee_cents=0)).final_price_cents == 8500

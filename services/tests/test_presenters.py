from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from services.definitions import ServiceDefinition
from services.presenters import starting_price
from services.tests.factories import (
    extended_service,
    loan_service,
    ron_service,
    standard_service,
)

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("service", "cents"),
    [
        (standard_service(), 8500),
        (extended_service(), 12500),
        (loan_service(), 17500),
        (ron_service(), 3500),
    ],
)
def test_the_starting_price_is_one_somebody_can_book(
    service: ServiceDefinition, cents: int
) -> None:
    pricing = starting_price(service=service, now=NOW)
    assert pricing is not None
    assert pricing.final_price_cents == cents


def test_a_surcharge_nobody_can_avoid_is_in_it() -> None:
    weekend = tuple(hours for hours in extended_service().hours if hours.weekday > 5)
    pricing = starting_price(service=extended_service(hours=weekend), now=NOW)
    assert pricing is not None
    assert pricing.final_price_cents == 16500


def test_so_is_the_tax() -> None:
    pricing = starting_price(service=standard_service(tax_percent=Decimal("8.25")), now=NOW)
    assert pricing is not None
    assert pricing.final_price_cents == 8500 + 701


def test_without_hours_there_is_none() -> None:
    assert starting_price(service=standard_service(hours=()), now=NOW) is None

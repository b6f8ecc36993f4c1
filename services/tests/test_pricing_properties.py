"""What holds for every price, whatever is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.definitions import ServiceDefinition
from services.errors import PromoInvalid
from services.pricing import LineType, PriceFacts, calculate_pricing
from services.promos import PromoTerms
from services.tests.factories import (
    extended_service,
    loan_service,
    promo,
    ron_service,
    standard_service,
)

NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
SERVED = ["77591", "77573", "77581", "77058", "77002", "77550"]

services = st.builds(
    lambda service, tax, base: replace(service, tax_percent=tax, base_price_cents=base),
    st.sampled_from([standard_service(), extended_service(), loan_service(), ron_service()]),
    st.decimals(0, 100, places=3),
    st.integers(1, 200_000),
)
promos = st.builds(
    lambda percent, amount, minimum, cap: promo(
        percent=Decimal(0) if amount else percent,
        amount_cents=amount,
        minimum_cents=minimum,
        max_discount_cents=cap,
    ),
    st.decimals("0.01", 100, places=2),
    st.one_of(st.just(0), st.integers(1, 300_000)),
    st.integers(0, 100_000),
    st.none() | st.integers(0, 50_000),
)


@st.composite
def facts(draw: st.DrawFn) -> tuple[ServiceDefinition, PriceFacts, PromoTerms]:
    service = draw(services)
    asked = PriceFacts(
        starts_at=NOW + timedelta(minutes=draw(st.integers(1, 400 * 24 * 60))),
        judged_at=NOW,
        signers=draw(st.integers(1, service.max_signers)),
        documents=draw(st.integers(1, service.max_documents or 200)),
        zip_code=draw(st.sampled_from(SERVED)) if service.is_mobile else None,
        is_emergency=draw(st.none() | st.booleans()),
        move_fee_cents=draw(st.sampled_from([0, 2500])),
    )
    return service, asked, draw(promos)


@pytest.mark.no_cover
@given(facts())
@settings(max_examples=300, deadline=None)
def test_the_total_is_the_sum_of_its_lines_and_of_its_parts(
    drawn: tuple[ServiceDefinition, PriceFacts, PromoTerms],
) -> None:
    service, asked, terms = drawn
    for promo_terms in (None, terms):
        try:
            price = calculate_pricing(service=service, facts=replace(asked, promo=promo_terms))
        except PromoInvalid:
            continue
        assert price.final_price_cents == sum(line.amount_cents for line in price.lines)
        assert price.final_price_cents == (
            price.base_price_cents
            + price.extra_signers_cents
            + price.extra_documents_cents
            + price.travel_fee_cents
            + price.time_surcharge_cents
            + price.emergency_fee_cents
            + price.move_fee_cents
            - price.promo_discount_cents
            + price.taxes_cents
        )
        assert price.base_price_cents == sum(
            line.amount_cents
            for line in price.lines
            if line.code in ("NOTARIAL_ACTS", "BASE", "ONLINE_FEE")
        )


@pytest.mark.no_cover
@given(facts())
@settings(max_examples=300, deadline=None)
def test_nothing_is_negative_and_never_more_is_due_than_the_price(
    drawn: tuple[ServiceDefinition, PriceFacts, PromoTerms],
) -> None:
    service, asked, terms = drawn
    try:
        price = calculate_pricing(service=service, facts=replace(asked, promo=terms))
    except PromoInvalid:
        return
    assert 0 <= price.deposit_required_cents <= price.final_price_cents
    for line in price.lines:
        assert (line.amount_cents < 0) is (line.type is LineType.DISCOUNT)
        assert line.amount_cents != 0


@pytest.mark.no_cover
@given(facts())
@settings(max_examples=300, deadline=None)
def test_a_promo_code_never_raises_the_price(
    drawn: tuple[ServiceDefinition, PriceFacts, PromoTerms],
) -> None:
    service, asked, terms = drawn
    full = calculate_pricing(service=service, facts=asked)
    try:
        reduced = calculate_pricing(service=service, facts=replace(asked, promo=terms))
    except PromoInvalid:
        return
    assert reduced.final_price_cents <= full.final_price_cents
    if terms.max_discount_cents is not None:
        assert reduced.promo_discount_cents <= terms.max_discount_cents


@pytest.mark.no_cover
@given(facts())
@settings(max_examples=100, deadline=None)
def test_more_signers_or_documents_never_cost_less(
    drawn: tuple[ServiceDefinition, PriceFacts, PromoTerms],
) -> None:
    service, asked, _ = drawn
    price = calculate_pricing(service=service, facts=asked)
    more = replace(asked, signers=asked.signers + 1, documents=asked.documents + 1)
    larger = calculate_pricing(service=service, facts=more)
    assert larger.final_price_cents >= price.final_price_cents

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import signing

from hmnp.core.errors import ValidationFailed
from services.definitions import ServiceDefinition
from services.errors import PromoInvalid, PromoReason
from services.models import PromoCode, Service
from services.pricing import Pricing
from services.quotes import honour_quote, promised_cents, quote, sign_quote
from services.tests.fixtures import Catalogue

NOW = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)
START = datetime(2026, 12, 8, 16, 0, tzinfo=UTC)


def facts(service: ServiceDefinition, **changes: Any) -> dict[str, Any]:
    return {
        "service": service,
        "starts_at": START,
        "zip_code": "77002" if service.is_mobile else None,
        "signers": 2,
        "documents": 3,
        "promo_code": None,
        "now": NOW,
        **changes,
    }


def faults(**asked: Any) -> list[tuple[str | None, str]]:
    with pytest.raises(ValidationFailed) as refused:
        quote(**asked)
    return [(fault.field, fault.code) for fault in refused.value.faults]


@pytest.fixture
def promised(catalogue: Catalogue) -> tuple[dict[str, Any], Pricing, str]:
    asked = facts(catalogue.standard, promo_code="welcome10")
    pricing = quote(**asked)
    return asked, pricing, sign_quote(**asked, pricing=pricing).token


# --- Pricing what is asked for -----------------------------------------------------------------


def test_it_prices_with_the_promo_codes_row(catalogue: Catalogue) -> None:
    pricing = quote(**facts(catalogue.standard, promo_code="welcome10"))
    assert pricing.promo_discount_cents == 1300
    capped = quote(**facts(catalogue.loan, promo_code="WELCOME10"))
    assert capped.promo_discount_cents == 2000


def test_every_fault_is_named_at_once(catalogue: Catalogue) -> None:
    asked = facts(catalogue.standard, starts_at=NOW, zip_code=None, signers=11, documents=21)
    assert faults(**asked) == [
        ("scheduledDateTime", "past"),
        ("zip", "required"),
        ("signers", "max_value"),
        ("documents", "max_value"),
    ]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"starts_at": NOW - timedelta(seconds=1)}, ("scheduledDateTime", "past")),
        ({"starts_at": NOW + timedelta(days=733)}, ("scheduledDateTime", "too_far")),
        ({"zip_code": ""}, ("zip", "required")),
        ({"zip_code": "7700"}, ("zip", "invalid")),
        ({"signers": 0}, ("signers", "min_value")),
        ({"documents": 0}, ("documents", "min_value")),
    ],
)
def test_a_faulty_value_is_named(
    catalogue: Catalogue, change: dict[str, Any], fault: tuple[str, str]
) -> None:
    assert faults(**facts(catalogue.standard, **change)) == [fault]


def test_online_has_no_place(catalogue: Catalogue) -> None:
    assert faults(**facts(catalogue.ron, zip_code="77002")) == [("zip", "not_accepted")]


def test_a_loan_package_has_no_limit_of_documents(catalogue: Catalogue) -> None:
    assert quote(**facts(catalogue.loan, documents=500)).extra_documents_cents == 0


def test_a_time_nobody_can_book_still_has_a_price(catalogue: Catalogue) -> None:
    at_night = START.replace(hour=9, minute=7)
    assert quote(**facts(catalogue.standard, starts_at=at_night)).time_surcharge_cents == 3000


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("NOSUCHCODE", PromoReason.UNKNOWN),
        ("SUMMER26", PromoReason.EXPIRED),
        ("CLOSING25", PromoReason.OTHER_SERVICE),
    ],
)
def test_a_promo_code_is_refused_with_its_reason(
    catalogue: Catalogue, code: str, reason: PromoReason
) -> None:
    with pytest.raises(PromoInvalid) as refused:
        quote(**facts(catalogue.standard, promo_code=code))
    assert refused.value.reason is reason


def test_the_minimum_counts_travel_and_surcharges(catalogue: Catalogue) -> None:
    with pytest.raises(PromoInvalid) as refused:
        quote(**facts(catalogue.standard, zip_code="77591", promo_code="SAVE15"))
    assert refused.value.reason is PromoReason.BELOW_MINIMUM
    with_travel = quote(**facts(catalogue.standard, zip_code="77002", promo_code="SAVE15"))
    assert with_travel.promo_discount_cents == 1500


def test_a_used_up_code_is_refused_but_stays_with_the_booking_that_took_it(
    catalogue: Catalogue,
) -> None:
    PromoCode.objects.filter(code="WELCOME10").update(max_uses=1, times_used=1, is_active=False)
    asked = facts(catalogue.standard, promo_code="WELCOME10")
    with pytest.raises(PromoInvalid):
        quote(**asked)
    assert quote(**asked, is_promo_taken=True).promo_discount_cents == 1300


def test_a_taken_code_lapses_under_its_minimum(catalogue: Catalogue) -> None:
    asked = facts(catalogue.standard, zip_code="77591", promo_code="SAVE15")
    assert quote(**asked, is_promo_taken=True).promo_discount_cents == 0


# --- The signed promise ------------------------------------------------------------------------


def test_a_live_quote_is_honoured_though_the_tariff_changed(
    promised: tuple[dict[str, Any], Pricing, str],
) -> None:
    asked, pricing, token = promised
    Service.objects.filter(type="MOBILE").update(base_price_cents=99900)
    PromoCode.objects.update(is_active=False)
    almost_over = NOW + timedelta(minutes=29, seconds=59)
    assert honour_quote(token=token, **{**asked, "now": almost_over}) == pricing


def test_the_same_instant_and_code_written_otherwise_are_the_same_facts(
    promised: tuple[dict[str, Any], Pricing, str], catalogue: Catalogue
) -> None:
    asked, pricing, token = promised
    local = START.astimezone(catalogue.standard.timezone)
    same = {**asked, "starts_at": local, "promo_code": " WELCOME10"}
    assert honour_quote(token=token, **same) == pricing


def test_after_half_an_hour_it_is_no_promise_any_more(
    promised: tuple[dict[str, Any], Pricing, str],
) -> None:
    asked, pricing, token = promised
    over = {**asked, "now": NOW + timedelta(minutes=30)}
    assert honour_quote(token=token, **over) is None
    assert promised_cents(token=token) == pricing.final_price_cents


@pytest.mark.parametrize(
    "change",
    [
        {"starts_at": START + timedelta(minutes=30)},
        {"zip_code": "77573"},
        {"signers": 1},
        {"documents": 4},
        {"promo_code": None},
        {"promo_code": "SAVE15"},
    ],
)
def test_for_other_facts_it_promises_nothing(
    promised: tuple[dict[str, Any], Pricing, str], change: dict[str, Any]
) -> None:
    asked, _, token = promised
    assert honour_quote(token=token, **{**asked, **change}) is None


def test_for_another_service_it_is_refused(
    promised: tuple[dict[str, Any], Pricing, str], catalogue: Catalogue
) -> None:
    asked, _, token = promised
    with pytest.raises(ValidationFailed) as refused:
        honour_quote(token=token, **{**asked, "service": catalogue.extended})
    assert refused.value.field == "quoteToken"
    assert refused.value.status == 400


def test_whatever_is_changed_in_it_it_is_refused(
    promised: tuple[dict[str, Any], Pricing, str],
) -> None:
    asked, _, token = promised
    body, stamp, mac = token.rsplit(":", 2)
    forged = signing.dumps({"service": "x"}, salt="another")
    # The last character of a base64 text may carry unused bits, so it is not the one changed.
    tampered = [
        "",
        "x",
        forged,
        token[:-2],
        f"{token}x",
        token.upper(),
        f"{body[:-2]}{'A' if body[-2] != 'A' else 'B'}{body[-1]}:{stamp}:{mac}",
        f"{body}:{stamp}x:{mac}",
        f"{body}:{stamp}:{'A' if mac[0] != 'A' else 'B'}{mac[1:]}",
        token.replace(".", "", 1),
        "é" * 20,
        "\x00",
    ]
    for text in tampered:
        with pytest.raises(ValidationFailed) as refused:
            honour_quote(token=text, **asked)
        assert refused.value.field == "quoteToken"
        with pytest.raises(ValidationFailed):
            promised_cents(token=text)


def test_the_expiry_is_half_an_hour_on(catalogue: Catalogue) -> None:
    asked = facts(catalogue.ron, zip_code=None)
    signed = sign_quote(**asked, pricing=quote(**asked))
    assert signed.expires_at == NOW + timedelta(minutes=30)

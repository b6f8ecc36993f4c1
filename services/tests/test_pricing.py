"""Every boundary of the price rules, without a database."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.definitions import (
    DepositKind,
    Point,
    PriceRule,
    RuleCode,
    ServiceDefinition,
    StatutoryRate,
)
from services.errors import OutOfServiceArea, UnknownZip
from services.pricing import LineType, PriceFacts, Pricing, calculate_pricing, due_now_cents
from services.tests.factories import (
    extended_service,
    loan_service,
    promo,
    ron_service,
    standard_service,
)

CHICAGO = ZoneInfo("America/Chicago")
TUESDAY = datetime(2026, 12, 8, 10, 0, tzinfo=CHICAGO)
SATURDAY = datetime(2026, 12, 12, 10, 0, tzinfo=CHICAGO)
LONG_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
NEAR = "77591"
LEAGUE_CITY = "77573"
PEARLAND = "77581"
DOWNTOWN = "77002"


def price(service: ServiceDefinition, starts_at: datetime = TUESDAY, **facts: Any) -> Pricing:
    zip_code = NEAR if service.is_mobile else None
    asked: dict[str, Any] = {
        "judged_at": LONG_BEFORE,
        "signers": 1,
        "documents": 1,
        "zip_code": zip_code,
        **facts,
    }
    return calculate_pricing(service=service, facts=PriceFacts(starts_at=starts_at, **asked))


def lines(pricing: Pricing) -> list[tuple[str, str, int]]:
    return [(line.code, line.type.value, line.amount_cents) for line in pricing.lines]


# --- The worked examples -----------------------------------------------------------------------


def test_standard_with_all_that_is_included_is_statutory_and_service_fee() -> None:
    pricing = price(standard_service(), documents=4, signers=2)
    assert lines(pricing) == [("NOTARIAL_ACTS", "statutory", 4400), ("BASE", "base", 4100)]
    assert (pricing.final_price_cents, pricing.deposit_required_cents) == (8500, 4250)


def test_standard_downtown_with_extras_is_155_and_half_of_it_now() -> None:
    pricing = price(standard_service(), documents=6, signers=3, zip_code=DOWNTOWN)
    assert pricing.base_price_cents == 8500
    assert pricing.extra_documents_cents == 2000
    assert pricing.extra_signers_cents == 500
    assert pricing.travel_fee_cents == 4500
    assert (pricing.final_price_cents, pricing.deposit_required_cents) == (15500, 7750)


def test_online_with_three_acts_and_two_signers_is_58_all_now_and_all_statutory() -> None:
    pricing = price(ron_service(), documents=3, signers=2)
    assert lines(pricing) == [
        ("ONLINE_FEE", "statutory", 2500),
        ("NOTARIAL_ACTS", "statutory", 1000),
        ("EXTRA_DOCUMENT", "statutory", 2000),
        ("EXTRA_SIGNER", "statutory", 300),
    ]
    assert (pricing.final_price_cents, pricing.deposit_required_cents) == (5800, 5800)
    assert pricing.distance_miles is None


def test_extended_on_a_saturday_in_league_city_is_165() -> None:
    pricing = price(extended_service(), SATURDAY, zip_code=LEAGUE_CITY)
    assert pricing.time_surcharge_cents == 4000
    assert (pricing.final_price_cents, pricing.deposit_required_cents) == (16500, 8250)


# --- Counts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("documents", "signers", "statutory"),
    [(1, 1, 1000), (1, 2, 1100), (4, 2, 4400), (5, 2, 4400), (4, 3, 4400), (20, 10, 4400)],
)
def test_the_statutory_part_counts_what_is_included(
    documents: int, signers: int, statutory: int
) -> None:
    pricing = price(standard_service(), documents=documents, signers=signers)
    assert pricing.lines[0].amount_cents == statutory
    assert pricing.lines[1].amount_cents == 8500 - statutory


@pytest.mark.parametrize(
    ("documents", "signers", "statutory"), [(1, 4, 1300), (13, 4, 16900), (14, 4, 17500)]
)
def test_a_loan_package_has_no_more_statutory_part_than_its_price(
    documents: int, signers: int, statutory: int
) -> None:
    pricing = price(loan_service(), documents=documents, signers=signers)
    assert pricing.lines[0].amount_cents == statutory
    assert pricing.final_price_cents == 17500
    assert all(line.amount_cents for line in pricing.lines)


@pytest.mark.parametrize(("signers", "extra"), [(4, 0), (5, 500), (10, 3000)])
def test_a_loan_includes_four_signers_and_all_documents(signers: int, extra: int) -> None:
    pricing = price(loan_service(), documents=120, signers=signers)
    assert pricing.extra_signers_cents == extra
    assert pricing.extra_documents_cents == 0


def test_online_each_further_signer_pays_for_every_act() -> None:
    assert price(ron_service(), documents=1, signers=2).extra_signers_cents == 100
    assert price(ron_service(), documents=20, signers=10).extra_signers_cents == 20 * 9 * 100


# --- Travel ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "zip_code", "fee"),
    [
        (standard_service, LEAGUE_CITY, 0),
        (standard_service, PEARLAND, 2500),
        (extended_service, PEARLAND, 0),
        (loan_service, PEARLAND, 0),
        (standard_service, DOWNTOWN, 4500),
        (extended_service, DOWNTOWN, 4500),
        (loan_service, DOWNTOWN, 4500),
    ],
)
def test_travel_is_priced_by_band_beyond_the_included_radius(
    make: Any, zip_code: str, fee: int
) -> None:
    assert price(make(), zip_code=zip_code).travel_fee_cents == fee


def test_the_travel_line_names_miles_and_band() -> None:
    line = price(standard_service(), zip_code=DOWNTOWN).lines[-1]
    assert (line.code, line.type, line.label) == (
        "TRAVEL",
        LineType.FEE,
        "Travel, 33.7 miles (30–40 miles)",
    )


@pytest.mark.parametrize("zip_code", ["77450", "78701"])
def test_beyond_the_last_served_mile_there_is_no_price(zip_code: str) -> None:
    with pytest.raises(OutOfServiceArea) as refusal:
        price(standard_service(), zip_code=zip_code)
    assert (refusal.value.code, refusal.value.status) == ("OUT_OF_SERVICE_AREA", 422)


@pytest.mark.parametrize("zip_code", ["00000", "77352"])
def test_a_zip_without_coordinates_is_not_guessed(zip_code: str) -> None:
    with pytest.raises(UnknownZip):
        price(standard_service(), zip_code=zip_code)


# --- The wall clock ----------------------------------------------------------------------------


def at(text: str) -> datetime:
    """A wall-clock time in Chicago."""
    return datetime.fromisoformat(text).replace(tzinfo=CHICAGO)


@pytest.mark.parametrize(
    ("starts_at", "surcharges"),
    [
        ("2026-12-11T23:59", {"AFTER_HOURS"}),  # Friday, the last minute
        ("2026-12-12T00:00", {"WEEKEND"}),
        ("2026-12-13T23:59", {"WEEKEND"}),
        ("2026-12-14T00:00", {"AFTER_HOURS"}),  # Monday
        ("2026-12-14T08:59", {"AFTER_HOURS"}),
        ("2026-12-14T09:00", set()),
        ("2026-12-14T16:59", set()),
        ("2026-12-14T17:00", {"AFTER_HOURS"}),
        ("2026-11-26T10:00", {"HOLIDAY"}),  # Thanksgiving
        ("2026-11-26T18:00", {"HOLIDAY", "AFTER_HOURS"}),
        ("2026-07-03T10:00", {"HOLIDAY"}),  # the Fourth is a Saturday, observed on Friday
        ("2026-07-04T10:00", {"WEEKEND"}),
        ("2027-07-04T10:00", {"WEEKEND"}),  # a Sunday, observed on Monday
        ("2027-07-05T10:00", {"HOLIDAY"}),
        ("2027-12-31T10:00", {"HOLIDAY"}),  # 1 January 2028 is a Saturday
        ("2028-01-01T10:00", {"WEEKEND"}),
        ("2028-01-03T10:00", set()),
        ("2027-12-24T10:00", {"HOLIDAY"}),
        ("2026-12-24T10:00", set()),
    ],
)
def test_time_surcharges_go_by_the_start_in_the_business_zone(
    starts_at: str, surcharges: set[str]
) -> None:
    pricing = price(standard_service(), at(starts_at).astimezone(UTC))
    found = {line.code for line in pricing.lines} & {"WEEKEND", "HOLIDAY", "AFTER_HOURS"}
    amounts = {"WEEKEND": 4000, "HOLIDAY": 4000, "AFTER_HOURS": 3000}
    assert found == surcharges
    assert pricing.time_surcharge_cents == sum(amounts[code] for code in surcharges)


@pytest.mark.parametrize("make", [extended_service, loan_service])
def test_only_standard_has_an_after_hours_surcharge(make: Any) -> None:
    assert price(make(), at("2026-12-14T20:00")).time_surcharge_cents == 0


@pytest.mark.parametrize("starts_at", ["2026-11-26T03:00", "2026-12-12T23:00"])
def test_online_carries_no_time_surcharge(starts_at: str) -> None:
    assert price(ron_service(), at(starts_at)).final_price_cents == 3500


@pytest.mark.parametrize(
    ("starts_at", "surcharge"),
    [
        # The clocks go forward on Sunday 14 March 2027, at 02:00, and back on 7 November.
        (datetime(2027, 3, 14, 5, 59, tzinfo=UTC), 4000),  # Saturday 23:59, UTC-6
        (datetime(2027, 3, 14, 8, 0, tzinfo=UTC), 4000),  # Sunday 03:00, UTC-5
        (datetime(2027, 3, 15, 4, 59, tzinfo=UTC), 4000),  # Sunday 23:59
        (datetime(2027, 3, 15, 5, 0, tzinfo=UTC), 0),  # Monday 00:00, an hour earlier in UTC
        (datetime(2027, 11, 7, 6, 30, tzinfo=UTC), 4000),  # Sunday 01:30, the first time
        (datetime(2027, 11, 7, 7, 30, tzinfo=UTC), 4000),  # and the second
        (datetime(2027, 11, 8, 5, 59, tzinfo=UTC), 4000),
        (datetime(2027, 11, 8, 6, 0, tzinfo=UTC), 0),
    ],
)
def test_the_two_nights_the_clocks_change_keep_the_local_day(
    starts_at: datetime, surcharge: int
) -> None:
    assert price(extended_service(), starts_at).time_surcharge_cents == surcharge


def test_a_late_night_rule_works_once_it_is_active() -> None:
    rule = PriceRule(RuleCode.LATE_NIGHT, "Late", 1000, before_minute=6 * 60, from_minute=22 * 60)
    service = ron_service(rules=(rule,))
    charged = [
        price(service, at(f"2026-12-08T{hour}")).time_surcharge_cents
        for hour in ("05:59", "06:00", "21:59", "22:00")
    ]
    assert charged == [1000, 0, 0, 1000]


# --- Emergency ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead", "fee"),
    [
        (timedelta(hours=4, seconds=1), 0),
        (timedelta(hours=4), 5000),
        (timedelta(hours=2), 5000),
        (timedelta(0), 5000),
    ],
)
def test_four_hours_or_less_is_an_emergency(ahead: timedelta, fee: int) -> None:
    pricing = price(standard_service(), judged_at=TUESDAY - ahead)
    assert pricing.emergency_fee_cents == fee
    assert pricing.is_emergency is bool(fee)


def test_the_four_hours_are_real_hours_in_the_night_the_clocks_change() -> None:
    starts_at = datetime(2027, 3, 14, 6, 0, tzinfo=CHICAGO)
    judged_at = datetime(2027, 3, 14, 1, 0, tzinfo=CHICAGO)  # five hours by the wall, four in fact
    assert price(extended_service(), starts_at, judged_at=judged_at).is_emergency
    starts_at = datetime(2027, 11, 7, 4, 30, tzinfo=CHICAGO)
    judged_at = datetime(2027, 11, 7, 0, 30, tzinfo=CHICAGO)  # four by the wall, five in fact
    assert not price(extended_service(), starts_at, judged_at=judged_at).is_emergency


def test_a_judgement_frozen_with_the_claim_is_kept() -> None:
    soon = TUESDAY - timedelta(hours=1)
    assert not price(standard_service(), judged_at=soon, is_emergency=False).is_emergency
    assert price(standard_service(), is_emergency=True).emergency_fee_cents == 5000


def test_online_there_is_no_emergency() -> None:
    pricing = price(ron_service(), judged_at=TUESDAY - timedelta(hours=1), is_emergency=True)
    assert not pricing.is_emergency
    assert pricing.final_price_cents == 3500


# --- Discount, tax, what is due now ------------------------------------------------------------


def test_a_percentage_is_taken_of_the_sum_with_statutory_lines_and_fees() -> None:
    pricing = price(standard_service(), documents=6, signers=3, zip_code=DOWNTOWN, promo=promo())
    assert pricing.promo_discount_cents == 1550
    assert pricing.final_price_cents == 13950
    assert lines(pricing)[-1] == ("PROMO", "discount", -1550)


def test_half_cents_round_up_once() -> None:
    service = standard_service(base_price_cents=8505)
    pricing = price(service, promo=promo(percent=Decimal(10)))
    assert pricing.promo_discount_cents == 851  # 850.5
    assert pricing.final_price_cents == 7654
    assert pricing.deposit_required_cents == 3827
    odd = price(standard_service(base_price_cents=8501))
    assert odd.deposit_required_cents == 4251  # 4250.5


def test_tax_is_on_what_is_left_and_on_its_own_line() -> None:
    service = standard_service(tax_percent=Decimal("8.25"))
    pricing = price(service, promo=promo(), move_fee_cents=2500)
    assert pricing.taxes_cents == 631  # 8.25 % of 76.50 is 6.31125
    assert pricing.final_price_cents == 8500 - 850 + 631 + 2500
    assert lines(pricing)[-3:] == [
        ("PROMO", "discount", -850),
        ("TAX", "tax", 631),
        ("MOVE_FEE", "fee", 2500),
    ]


def test_the_move_fee_is_outside_promo_and_tax() -> None:
    service = standard_service(tax_percent=Decimal(10))
    without = price(service, promo=promo())
    moved = price(service, promo=promo(), move_fee_cents=2500)
    assert moved.promo_discount_cents == without.promo_discount_cents
    assert moved.taxes_cents == without.taxes_cents
    assert moved.final_price_cents == without.final_price_cents + 2500


@pytest.mark.parametrize(
    ("kind", "value", "total", "due"),
    [
        (DepositKind.NONE, 0, 8500, 0),
        (DepositKind.FIXED, 5000, 8500, 5000),
        (DepositKind.FIXED, 5000, 3500, 3500),
        (DepositKind.PERCENT, 50, 8500, 4250),
        (DepositKind.PERCENT, 50, 8501, 4251),
        (DepositKind.FULL, 0, 8500, 8500),
        (DepositKind.FULL, 0, 50, 50),
        (DepositKind.FULL, 0, 49, 0),
        (DepositKind.PERCENT, 50, 99, 50),
        (DepositKind.PERCENT, 50, 98, 0),
        (DepositKind.FULL, 0, 0, 0),
    ],
)
def test_what_is_due_now(kind: DepositKind, value: int, total: int, due: int) -> None:
    service = standard_service(deposit_kind=kind, deposit_value=value)
    assert due_now_cents(service=service, price_cents=total) == due


def test_on_statement_nothing_is_due_now() -> None:
    pricing = price(standard_service(), due_nothing=True)
    assert (pricing.final_price_cents, pricing.deposit_required_cents) == (8500, 0)
    assert price(standard_service()).without_deposit() == pricing


# --- Rates by date, snapshots ------------------------------------------------------------------


def test_the_rate_of_the_appointments_local_day_applies() -> None:
    service = standard_service()
    new_year = date(2027, 1, 1)
    rates = tuple(replace(rate, valid_until=new_year) for rate in service.statutory_rates)
    raised = StatutoryRate("ACT_FIRST_SIGNER", 1200, new_year, None)
    further = StatutoryRate("ACT_FURTHER_SIGNER", 100, new_year, None)
    service = replace(service, statutory_rates=(*rates, raised, further))
    before = datetime(2027, 1, 1, 5, 59, tzinfo=UTC)  # 23:59 on 31 December in Chicago
    assert price(service, before).lines[0].amount_cents == 1000
    assert price(service, before + timedelta(minutes=1)).lines[0].amount_cents == 1200


def test_without_a_rate_there_is_no_price() -> None:
    with pytest.raises(LookupError):
        price(standard_service(statutory_rates=()))


def test_a_snapshot_is_json_and_gives_the_same_price_back() -> None:
    pricing = price(standard_service(), SATURDAY, documents=6, zip_code=DOWNTOWN, promo=promo())
    assert Pricing.from_snapshot(json.loads(json.dumps(pricing.to_snapshot()))) == pricing


def test_by_the_mile_only_the_miles_beyond_the_included_are_paid() -> None:
    area = standard_service().area
    assert area is not None
    area = replace(area, bands=(), per_mile_cents=150, centre=Point(29.3891, -94.9942))
    pricing = price(standard_service(area=area), zip_code=DOWNTOWN)
    assert pricing.distance_miles is not None
    assert pricing.travel_fee_cents == round((pricing.distance_miles - 20) * 150)
    assert pricing.lines[-1].label == "Travel, 33.7 miles"

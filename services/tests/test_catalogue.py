from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from services.catalogue import active_services, get_service, require_service
from services.errors import InvalidService
from services.models import PriceRule, PromoCode, Service, ServiceArea, TravelBand
from services.tests.factories import (
    PromoCodeFactory,
    ServiceFactory,
    extended_service,
    loan_service,
    ron_service,
    standard_service,
)
from services.tests.fixtures import Catalogue


def test_a_service_is_read_whole_in_one_statement(
    catalogue: Catalogue, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        by_slug = get_service(id_or_slug="standard-notary")
    with django_assert_num_queries(1):
        by_id = get_service(id_or_slug=catalogue.standard.id)
    with django_assert_num_queries(1):
        by_text = get_service(id_or_slug=str(catalogue.standard.id))
    assert by_slug == by_id == by_text == catalogue.standard


def test_all_services_are_read_in_one_statement(
    catalogue: Catalogue, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        found = active_services()
    assert [service.slug for service in found] == [
        "standard-notary",
        "extended-hours",
        "loan-signing",
        "ron",
    ]


def test_the_tables_hold_what_the_data_files_say(catalogue: Catalogue) -> None:
    for stored, written in (
        (catalogue.standard, standard_service()),
        (catalogue.extended, extended_service()),
        (catalogue.loan, loan_service()),
        (catalogue.ron, ron_service()),
    ):
        by_code = tuple(sorted(written.rules, key=lambda rule: rule.code))
        tiers = {tier.code: tier for tier in written.cancellation_tiers}
        same_order = tuple(tiers[tier.code] for tier in stored.cancellation_tiers)
        rates = {rate.code: rate for rate in written.statutory_rates}
        assert stored == replace(
            written,
            id=stored.id,
            rules=by_code,
            cancellation_tiers=same_order,
            statutory_rates=tuple(rates[rate.code] for rate in stored.statutory_rates),
        )


@pytest.mark.parametrize("name", ["nothing", "", "RON", "a b", "x\x00y", "é", "x" * 51, uuid4()])
def test_what_is_not_there_is_none(catalogue: Catalogue, name: Any) -> None:
    assert get_service(id_or_slug=name) is None


def test_a_service_that_must_be_there_is_required(catalogue: Catalogue) -> None:
    assert require_service(id_or_slug="ron") == catalogue.ron
    with pytest.raises(InvalidService) as refused:
        require_service(id_or_slug="nothing")
    assert (refused.value.status, refused.value.field) == (400, "serviceId")


def test_an_inactive_service_is_read_but_not_offered(catalogue: Catalogue) -> None:
    Service.objects.filter(slug="ron").update(is_active=False)
    found = get_service(id_or_slug="ron")
    assert found is not None
    assert not found.is_active
    assert "ron" not in [service.slug for service in active_services()]


def test_an_inactive_rule_is_left_out(catalogue: Catalogue) -> None:
    assert "LATE_NIGHT" not in {rule.code for rule in catalogue.ron.rules}
    PriceRule.objects.filter(code="LATE_NIGHT").update(is_active=True, amount_cents=0)
    found = get_service(id_or_slug="ron")
    assert found is not None
    assert "LATE_NIGHT" in {rule.code for rule in found.rules}


@pytest.mark.parametrize(
    ("model", "row", "change"),
    [
        (Service, {"slug": "ron"}, {"type": "MOBILE"}),
        (Service, {"slug": "standard-notary"}, {"area": None}),
        (Service, {"slug": "standard-notary"}, {"included_miles": None}),
        (Service, {"slug": "standard-notary"}, {"deposit_value": 101}),
        (Service, {"slug": "ron"}, {"deposit_value": 1}),
        (Service, {"slug": "ron"}, {"base_price_cents": 0}),
        (Service, {"slug": "ron"}, {"base_price_cents": -1}),
        (Service, {"slug": "ron"}, {"max_signers": 0}),
        (Service, {"slug": "ron"}, {"max_documents": 0}),
        (Service, {"slug": "ron"}, {"grid_minutes": 0}),
        (PriceRule, {"code": "WEEKEND"}, {"weekdays": [8]}),
        (PriceRule, {"code": "EMERGENCY"}, {"within_minutes": None}),
        (TravelBand, {"fee_cents": 2500}, {"up_to_miles": 20}),
        (ServiceArea, {}, {"last_served_mile": 0}),
        (PromoCode, {"code": "SAVE15"}, {"code": "save15"}),
        (PromoCode, {"code": "SAVE15"}, {"percent": 10}),
        (PromoCode, {"code": "WELCOME10"}, {"percent": 101}),
    ],
)
def test_the_database_refuses_what_makes_no_sense(
    catalogue: Catalogue, model: Any, row: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.filter(**row).update(**change)


@pytest.mark.django_db
def test_a_new_service_without_rules_is_readable() -> None:
    service = ServiceFactory.create()
    PromoCodeFactory.create().services.add(service)
    found = get_service(id_or_slug=service.slug)
    assert found is not None
    assert (found.hours, found.rules, found.area) == ((), (), None)

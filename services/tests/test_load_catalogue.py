from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from services.catalogue import active_services
from services.models import (
    CancellationTier,
    PriceRule,
    PromoCode,
    Service,
    ServiceArea,
    ServiceHours,
    ServiceIntegration,
    StatutoryRate,
    TravelBand,
)

MODELS = [
    Service,
    ServiceArea,
    TravelBand,
    ServiceHours,
    PriceRule,
    StatutoryRate,
    CancellationTier,
    ServiceIntegration,
    PromoCode,
]

pytestmark = pytest.mark.django_db


def load(*options: str) -> str:
    out = StringIO()
    call_command("load_catalogue", *options, stdout=out)
    return out.getvalue()


def rows() -> dict[str, list[Any]]:
    return {
        model.__name__: list(model._default_manager.order_by("pk").values()) for model in MODELS
    }


def test_it_loads_the_four_services() -> None:
    said = load()
    assert "4 services inserted" in said
    assert {service.slug: service.base_price_cents for service in active_services()} == {
        "standard-notary": 8500,
        "extended-hours": 12500,
        "loan-signing": 17500,
        "ron": 3500,
    }
    assert not PromoCode.objects.exists()


def test_it_changes_nothing_the_second_time() -> None:
    load("--demo")
    before = rows()
    said = load("--demo")
    assert rows() == before
    assert "4 services kept" in said
    assert "inserted" not in said


def test_it_leaves_alone_what_staff_changed_or_took_away() -> None:
    load("--demo")
    Service.objects.filter(slug="ron").update(base_price_cents=3000, is_active=False)
    PriceRule.objects.filter(service__slug="standard-notary", code="AFTER_HOURS").delete()
    TravelBand.objects.filter(over_miles=20).update(fee_cents=1)
    before = rows()
    load("--demo")
    assert rows() == before


def test_it_inserts_what_is_missing() -> None:
    load()
    Service.objects.filter(slug="ron").delete()
    StatutoryRate.objects.filter(code="ONLINE_ACT").delete()
    load()
    assert Service.objects.get(slug="ron").rules.count() == 3
    assert StatutoryRate.objects.filter(code="ONLINE_ACT").count() == 1


def test_forced_it_writes_the_data_again_and_keeps_what_the_files_do_not_name() -> None:
    load("--demo")
    ids = dict(Service.objects.values_list("slug", "pk"))
    counts = {name: len(found) for name, found in rows().items()}
    Service.objects.filter(slug="ron").update(base_price_cents=3000, is_active=False)
    PriceRule.objects.filter(service__slug="ron").delete()
    PromoCode.objects.filter(code="SAVE15").update(amount_cents=1, times_used=7)
    said = load("--demo", "--force")
    assert "4 services overwritten" in said
    assert dict(Service.objects.values_list("slug", "pk")) == ids
    assert {name: len(found) for name, found in rows().items()} == counts
    ron = Service.objects.get(slug="ron")
    assert (ron.base_price_cents, ron.is_active) == (3500, False)
    save = PromoCode.objects.get(code="SAVE15")
    assert (save.amount_cents, save.times_used) == (1500, 7)


def test_the_demo_codes_are_those_of_their_services() -> None:
    load("--demo")
    closing = PromoCode.objects.get(code="CLOSING25")
    assert [service.slug for service in closing.services.all()] == ["loan-signing"]
    assert PromoCode.objects.get(code="WELCOME10").services.count() == 0

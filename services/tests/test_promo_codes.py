from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from services.errors import PromoInvalid, PromoReason
from services.promo_codes import find_promo, give_back_use, lock_promo, promo_terms, take_use
from services.tests.factories import PromoCodeFactory, ServiceFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("written", ["WELCOME", "welcome", " Welcome "])
def test_upper_and_lower_case_are_the_same(written: str) -> None:
    promo = PromoCodeFactory.create(code="WELCOME")
    assert find_promo(code=written) == promo
    with transaction.atomic():
        assert lock_promo(code=written) == promo


@pytest.mark.parametrize("written", ["", "nothing", "x\x00", "a'; --", "ß" * 30, "X" * 400])
def test_an_unknown_code_is_none(written: str) -> None:
    assert find_promo(code=written) is None
    assert lock_promo(code=written) is None


def test_the_code_its_services_and_its_lock_are_one_statement(
    django_assert_num_queries: Any,
) -> None:
    services = [ServiceFactory.create(), ServiceFactory.create()]
    PromoCodeFactory.create(code="TWO").services.set(services)
    with transaction.atomic(), django_assert_num_queries(1):
        promo = lock_promo(code="two")
        assert promo is not None
        assert promo_terms(promo=promo).service_ids == {service.pk for service in services}


def test_locking_locks_the_row() -> None:
    PromoCodeFactory.create(code="ONE")
    with (
        transaction.atomic(),
        CaptureQueriesContext(
            connection,
        ) as queries,
    ):
        lock_promo(code="ONE")
    assert "FOR UPDATE OF" in queries.captured_queries[0]["sql"]


def test_uses_are_counted_up_to_the_limit_and_given_back() -> None:
    promo = PromoCodeFactory.create(max_uses=2)
    take_use(promo=promo)
    take_use(promo=promo)
    with pytest.raises(PromoInvalid) as refused:
        take_use(promo=promo)
    assert refused.value.reason is PromoReason.USED_UP
    promo.refresh_from_db()
    assert promo.times_used == 2
    give_back_use(promo_id=promo.pk)
    take_use(promo=promo)
    promo.refresh_from_db()
    assert promo.times_used == 2


def test_without_a_limit_every_use_counts_and_none_is_given_back_twice() -> None:
    promo = PromoCodeFactory.create()
    take_use(promo=promo)
    give_back_use(promo_id=promo.pk)
    give_back_use(promo_id=promo.pk)
    promo.refresh_from_db()
    assert promo.times_used == 0

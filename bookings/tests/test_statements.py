"""How many statements the hot paths send, to the number; BEGIN and COMMIT are statements too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
import time_machine
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from bookings.models import Notary, SlotClaim
from bookings.tests.callers import anyone, body, hold_body, partner_caller
from bookings.tests.factories import NOW, a_notary
from hmnp.core import redis_rest
from services.catalogue import active_services
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db(transaction=True)

ASKED = {"serviceId": "standard-notary", "date": "2027-03-02", "zip": "77573"}
PRICED = {
    "serviceId": "standard-notary",
    "scheduledDateTime": "2027-03-02T10:00:00-06:00",
    "zip": "77573",
}
KEY = {"idempotency_key": "a-key-of-sixteen-letters"}


@pytest.fixture(autouse=True)
def _world(
    catalogue: Catalogue, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    for _ in range(3):
        a_notary()
    caches["default"].clear()
    monkeypatch.setattr(redis_rest, "_asked_again_at", 0.0)
    settings.HOLDS_PER_ADDRESS = "40"
    active_services()
    with time_machine.travel(NOW, tick=False):
        yield


def _sent(work: Callable[[], Any]) -> list[str]:
    """Give the statements `work` sends, in its own words about each."""
    with CaptureQueriesContext(connection) as queries:
        answer = work()
    assert answer.status_code in (200, 201, 304), answer.content
    return [query["sql"] for query in queries]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/availability", ASKED),
        ("/availability", {**ASKED, "days": 14}),
        ("/services", {}),
        ("/services/ron", {}),
        ("/services/pricing", PRICED),
    ],
)
def test_a_kept_answer_is_one_statement(path: str, query: dict[str, Any]) -> None:
    anyone().get(path, query)
    assert len(_sent(lambda: anyone().get(path, query))) == 1


@pytest.mark.parametrize("days", [1, 14])
@pytest.mark.parametrize("notaries", [0, 30])
def test_free_times_are_two(days: int, notaries: int) -> None:
    for _ in range(notaries):
        a_notary()
    assert len(_sent(lambda: anyone().get("/availability", {**ASKED, "days": days}))) == 2


@pytest.mark.parametrize("key", [{}, KEY], ids=["without a key", "with a key"])
def test_a_hold_is_six(key: dict[str, str]) -> None:
    sent = _sent(lambda: anyone().post("/availability/hold", hold_body(), **key))
    assert [sent[1], sent[-1], len(sent)] == ["BEGIN", "COMMIT", 6], sent


@pytest.mark.parametrize("key", [{}, KEY], ids=["without a key", "with a key"])
def test_a_booking_is_six(key: dict[str, str]) -> None:
    sent = _sent(lambda: anyone().post("/bookings", body(), **key))
    assert [sent[1], sent[-1], len(sent)] == ["BEGIN", "COMMIT", 6], sent


def test_a_booking_before_another_is_seven() -> None:
    """The next job's drive is another once somebody is before it."""
    anyone().post("/bookings", body(scheduledDateTime="2027-03-02T12:00:00-06:00"))
    Notary.objects.filter(claims=None).update(is_active=False)
    sent = _sent(lambda: anyone().post("/bookings", body(), **KEY))
    assert len(sent) == 7, sent


def test_a_booking_from_a_hold_is_eight() -> None:
    held = anyone().hold()
    asked = body(holdId=held["holdId"], holdToken=held["holdToken"])
    sent = _sent(lambda: anyone().post("/bookings", asked, **KEY))
    assert len(sent) == 8, sent


def test_a_booking_with_its_outside_jobs() -> None:
    """Nothing is due at once, so it stands, and all jobs are written with it."""
    partner = partner_caller()
    sent = _sent(lambda: partner.post("/bookings", body(), **KEY))
    assert len(sent) == 8, "\n".join(" ".join(one.split())[:110] for one in sent)


def test_a_dead_hold_in_the_way_costs_the_drives_after_it() -> None:
    anyone().hold()
    SlotClaim.objects.update(expires_at=datetime(2020, 1, 1, tzinfo=NOW.tzinfo))
    assert len(_sent(lambda: anyone().post("/availability/hold", hold_body()))) == 7

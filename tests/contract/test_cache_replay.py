"""A little of the replay that `python -m benchmarks.cache_replay` does at length."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.cache import caches

from benchmarks.cache_replay import replay, share_of_hits
from bookings import kept_days, slot_answers
from bookings.api import availability
from bookings.tests.factories import NOW, a_notary
from hmnp.core import redis_rest
from hmnp.core.cache import forget_own
from services.tests.fixtures import Catalogue


@pytest.mark.django_db(transaction=True)
def test_visitors_mostly_find_what_others_asked_before(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        a_notary(skills=["standard-notary", "loan-signing", "extended-hours", "ron"])
    caches["default"].clear()
    slot_answers._remembered.clear()
    availability._answers.clear()
    kept_days._own.clear()
    forget_own()
    monkeypatch.setattr(redis_rest, "_asked_again_at", 0.0)
    with time_machine.travel(NOW, tick=False):
        counted = replay(count=400, today=NOW + timedelta(minutes=1))
    assert {family for family, _ in counted} == {"services", "area", "pricing", "slots"}
    # It begins with nothing kept: the first look of each kind is counted, too.
    assert share_of_hits(counted) > 0.75
    assert share_of_hits(counted, family="services") > 0.9

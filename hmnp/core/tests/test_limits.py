"""Limits are counted for all servers together, and more strictly by each alone without Redis."""

from __future__ import annotations

import threading

import pytest
from django.core.cache import caches
from django.test import RequestFactory
from pytest_django import Settings

from hmnp.core import health, limits, redis_rest
from hmnp.core.limits import Action, Usage, parse_rate, take

REQUEST = RequestFactory().get("/")


@pytest.fixture(autouse=True)
def _fresh(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RATE_LIMIT_BOOKING = "4/h"
    settings.RATE_LIMIT_PRICING = "1/h"
    monkeypatch.setattr(redis_rest, "_asked_again_at", 0.0)
    monkeypatch.setattr(limits, "_local", limits._Local())
    caches["default"].clear()


def _take(action: Action = Action.BOOKING, key: str = "address:198.51.100.9") -> Usage:
    usage = take(request=REQUEST, action=action, key=key)
    assert usage is not None
    return usage


def test_the_one_after_the_last_allowed_is_over() -> None:
    usages = [_take() for _ in range(5)]
    assert [usage.is_over for usage in usages] == [False] * 4 + [True]
    assert [usage.remaining for usage in usages] == [3, 2, 1, 0, 0]
    assert usages[0].headers()["RateLimit-Limit"] == "4"
    assert 0 < usages[0].reset_seconds <= 3600


def test_actions_and_callers_have_allowances_of_their_own() -> None:
    assert _take(Action.PRICING).remaining == 0
    assert _take().remaining == 3
    assert _take(key="partner:1").remaining == 3


def test_a_partner_may_have_more() -> None:
    usage = take(request=REQUEST, action=Action.BOOKING, key="partner:1", times=10)
    assert usage is not None
    assert usage.limit == 40


def test_forty_at_once_get_exactly_what_is_allowed() -> None:
    allowed: list[bool] = []
    threads = [
        threading.Thread(target=lambda: allowed.append(not _take().is_over)) for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert allowed.count(True) == 4


def test_off_limits_nothing(settings: Settings) -> None:
    settings.RATE_LIMIT_BOOKING = "off"
    assert take(request=REQUEST, action=Action.BOOKING, key="x") is None


@pytest.mark.parametrize("text", ["", "5", "5/", "0/m", "-1/m", "5/y", "m/5", "5/m/m", "on"])
def test_what_is_no_rate_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        parse_rate(text)


def test_without_redis_reads_go_on_and_the_rest_is_counted_here_at_half_the_rate(
    settings: Settings,
) -> None:
    # A port of this machine where nobody listens: refused at once, as by a server that is down.
    away = {"LOCATION": "redis://127.0.0.1:9/0"}
    settings.CACHES = {name: {**one, **away} for name, one in settings.CACHES.items()}
    assert [_take().is_over for _ in range(3)] == [False, False, True]
    assert take(request=REQUEST, action=Action.PRICING, key="x") is None
    assert "each server on its own" in (limits._check() or "")
    assert "each server on its own" in health.run_checks()["limits"]

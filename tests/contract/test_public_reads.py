"""Answered early or by the view: the same answer, the same limit, the same refusals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.cache import caches
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from hmnp.accounts import public_reads
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db

# Of the view's own only: what the framework says about itself, and that a cookie was looked for.
_VIEW_ONLY = {"Allow", "Vary"}
_DIFFERENT_EACH_TIME = {"X-Request-Id", "RateLimit-Remaining", "RateLimit-Reset"}
_SOON = (timezone.now() + timedelta(days=2)).replace(hour=17, minute=0, second=0, microsecond=0)
_DAY = _SOON.date().isoformat()


@pytest.fixture(autouse=True)
def _world(catalogue: Catalogue) -> None:
    caches["limits"].clear()
    # The table is filled when the addresses are read.
    Client().get("/api/v2/services")


def _headers(answer: Any) -> Mapping[str, str]:
    left_out = _VIEW_ONLY | _DIFFERENT_EACH_TIME
    return {name: value for name, value in answer.headers.items() if name not in left_out}


def _both(path: str, query: Mapping[str, object], **headers: str) -> tuple[Any, Any]:
    """Ask as nobody, and as somebody with a cookie that says nothing."""
    address = f"/api/v2{path}?{urlencode(query)}" if query else f"/api/v2{path}"
    early = Client().get(address, headers=headers)
    usual = Client()
    usual.cookies["seen"] = "1"
    return early, usual.get(address, headers=headers)


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/services", {}, 200),
        ("/availability", {"serviceId": "ron", "date": _DAY, "days": 2}, 200),
        ("/availability", {"serviceId": "standard-notary", "date": _DAY}, 400),
        ("/availability", {"serviceId": "nothing", "date": _DAY}, 400),
        ("/availability", {"serviceId": "ron", "date": "never", "date2": "x"}, 400),
        ("/services/pricing", {"serviceId": "ron", "scheduledDateTime": _SOON.isoformat()}, 200),
        ("/services/pricing", {"serviceId": "ron"}, 400),
    ],
)
def test_the_early_answer_is_the_views(path: str, query: dict[str, object], status: int) -> None:
    early, usual = _both(path, query)
    assert (early.status_code, usual.status_code) == (status, status)
    assert _headers(early) == _headers(usual)
    assert early.resolver_match.view_name == usual.resolver_match.view_name
    ours, theirs = early.json(), usual.json()
    for body in (ours, theirs):
        # Each promise is signed at its own moment, each refusal has an id of its own.
        for name in ("quoteToken", "expiresAt"):
            body.pop(name, None)
        for name in ("requestId", "timestamp"):
            body.get("error", {}).pop(name, None)
    assert ours == theirs


def test_a_known_tag_is_answered_with_304() -> None:
    for path, query in (("/services", {}), ("/availability", {"serviceId": "ron", "date": _DAY})):
        tag = _both(path, query)[0].headers["ETag"]
        for answer in _both(path, query, if_none_match=tag):
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["ETag"] == tag


def test_both_count_against_one_limit(settings: Settings) -> None:
    settings.RATE_LIMIT_AVAILABILITY = "3/m"
    asked = {"serviceId": "ron", "date": _DAY}
    answers = [*_both("/availability", asked), *_both("/availability", asked)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    refused = _both("/availability", asked)
    assert _headers(refused[0]).keys() == _headers(refused[1]).keys() >= {"Retry-After"}
    assert refused[0].json()["error"]["code"] == refused[1].json()["error"]["code"]


def test_a_host_that_is_not_ours_is_refused(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["booking.example.com"]
    answer = Client().get("/api/v2/services", headers={"host": "elsewhere.example.com"})
    assert answer.status_code == 400


def test_what_nobody_foresaw_is_told_in_the_one_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Any:
        raise LookupError("gone")

    read = public_reads.PublicRead(fail)
    monkeypatch.setitem(public_reads._reads, "/api/v2/services", read)
    answer = Client().get("/api/v2/services")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "INTERNAL_ERROR")

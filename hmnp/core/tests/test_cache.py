"""What is kept is served while it stands; without Redis everything is made anew, a little later."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from django.core.cache import caches
from django.db import transaction
from django_redis import get_redis_connection
from pytest_django import Settings

from hmnp.core import redis_rest
from hmnp.core.cache import Family, fetch, fetch_one, forget_own

FAMILY = Family("proof", 60)


@pytest.fixture(autouse=True)
def _empty(monkeypatch: pytest.MonkeyPatch) -> None:
    caches["default"].clear()
    forget_own()
    monkeypatch.setattr(redis_rest, "_asked_again_at", 0.0)


class Maker:
    """Makes answers and counts how often; each takes `seconds`."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.times = 0
        self.seconds = seconds

    def __call__(self) -> bytes:
        self.times += 1
        time.sleep(self.seconds)
        return b"answer %d" % self.times


def test_it_is_made_once_and_kept_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[bool] = []
    monkeypatch.setattr(
        "hmnp.core.cache.count_cache", lambda *, family, is_hit: counted.append(is_hit)
    )
    maker = Maker()
    for _ in range(3):
        assert fetch_one(family=FAMILY, key="a", build=maker) == b"answer 1"
    assert counted == [False, True, True]
    assert fetch_one(family=FAMILY, key="b", build=maker) == b"answer 2"


def test_of_many_only_what_is_missing_or_outdated_is_made() -> None:
    asked: list[list[int]] = []

    def build(missing: Sequence[int]) -> dict[int, tuple[bytes, float]]:
        asked.append(list(missing))
        return {index: (b"%d" % index, 60.0) for index in missing}

    assert fetch(family=FAMILY, keys=["0", "1"], build=build) == [b"0", b"1"]
    assert fetch(family=FAMILY, keys=["0", "1", "2"], build=build) == [b"0", b"1", b"2"]
    fetch(family=FAMILY, keys=["0", "1"], build=build, is_fresh=lambda value: value != b"1")
    assert asked == [[0, 1], [2], [1]]


def test_of_a_crowd_one_makes_it() -> None:
    maker, gate = Maker(seconds=0.1), threading.Barrier(8)
    found: list[bytes] = []

    def ask() -> None:
        gate.wait()
        found.append(fetch_one(family=FAMILY, key="crowd", build=maker))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (maker.times, set(found)) == (1, {b"answer 1"})


def test_who_waits_too_long_makes_it_too() -> None:
    slow, quick = Maker(seconds=0.6), Maker()
    thread = threading.Thread(target=lambda: fetch_one(family=FAMILY, key="slow", build=slow))
    thread.start()
    time.sleep(0.05)
    assert fetch_one(family=FAMILY, key="slow", build=quick) == b"answer 1"
    assert quick.times == 1
    thread.join()


def test_a_refusal_is_not_kept_and_leaves_the_turn_free() -> None:
    def refuse() -> bytes:
        raise LookupError

    with pytest.raises(LookupError):
        fetch_one(family=FAMILY, key="a", build=refuse)
    begun = time.monotonic()
    assert fetch_one(family=FAMILY, key="a", build=Maker()) == b"answer 1"
    assert time.monotonic() - begun < 0.2


@pytest.mark.django_db
def test_inside_a_transaction_nothing_is_read_or_kept() -> None:
    maker = Maker()
    with transaction.atomic():
        fetch_one(family=FAMILY, key="a", build=maker)
        fetch_one(family=FAMILY, key="a", build=maker)
    assert maker.times == 2
    assert get_redis_connection("default").keys("*proof*") == []


@pytest.fixture
def _hanging(settings: Settings) -> Iterator[None]:
    """A Redis that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        there = {**settings.CACHES["default"], "LOCATION": f"redis://127.0.0.1:{port}/0"}
        settings.CACHES = {"default": there}
        yield


@pytest.fixture
def _away(settings: Settings) -> None:
    """A Redis whose port is closed."""
    there = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:9/0"}
    settings.CACHES = {"default": there}


@pytest.mark.parametrize("how", ["_hanging", "_away"])
def test_without_redis_all_is_made_and_the_first_pays_one_timeout(
    request: pytest.FixtureRequest, how: str
) -> None:
    request.getfixturevalue(how)
    maker = Maker()
    begun = time.monotonic()
    for number in range(20):
        fetch_one(family=FAMILY, key=str(number), build=maker)
    assert maker.times == 20
    assert time.monotonic() - begun < 0.5


def test_after_its_rest_redis_is_asked_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = settings.CACHES
    settings.CACHES = {"default": {**there["default"], "LOCATION": "redis://127.0.0.1:9/0"}}
    maker = Maker()
    fetch_one(family=FAMILY, key="a", build=maker)
    settings.CACHES = there
    forget_own()
    fetch_one(family=FAMILY, key="a", build=maker)
    monkeypatch.setattr(redis_rest, "_asked_again_at", time.monotonic())
    for _ in range(2):
        forget_own()
        fetch_one(family=FAMILY, key="a", build=maker)
    assert maker.times == 3


def test_a_process_asks_redis_once_for_what_ends_with_its_key_only() -> None:
    maker = Maker()
    for _ in range(3):
        assert fetch_one(family=FAMILY, key="a", build=maker) == b"answer 1"
        caches["default"].clear()
    brief = Family("brief", 0)
    for _ in range(2):
        fetch_one(family=brief, key="a", build=maker)
    assert maker.times == 3

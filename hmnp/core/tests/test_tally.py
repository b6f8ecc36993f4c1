"""Counting in the process: every answer once, cheaply, and sent on without loss or doubling."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from hmnp.core import metrics, tally
from hmnp.core.request_metrics import route_name
from hmnp.core.tally import Batch, Figures

NOW = datetime(2027, 3, 1, 15, 4, 5, tzinfo=UTC)
Sent = list[tuple[datetime, dict[tally.Name, Figures]]]


@pytest.fixture
def sent() -> Iterator[Sent]:
    """What is sent, instead of into the tables."""
    before, kept = list(tally._senders), []
    tally.reset()
    tally.send_to(lambda minute, batch: kept.append((minute, dict(batch))))
    yield kept
    tally._senders[:] = before
    tally.reset()


def test_what_happened_is_sent_once_with_its_minute(sent: Sent) -> None:
    metrics.count_cache(family="slots", is_hit=True)
    metrics.count_cache(family="slots", is_hit=True)
    metrics.count_cache(family="area", is_hit=False)
    tally.observe("request", "GET /", "2xx", seconds=0.0301)
    tally.observe("request", "GET /", "2xx", seconds=9)
    assert tally.send(now=NOW)
    assert tally.send(now=NOW)
    spread = (0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1)
    assert sent == [
        (
            datetime(2027, 3, 1, 15, 4, tzinfo=UTC),
            {
                ("cache", "slots", "hit"): Figures(2),
                ("cache", "area", "miss"): Figures(1),
                ("request", "GET /", "2xx"): Figures(2, 9030.1, spread),
            },
        )
    ]


def test_what_could_not_be_sent_goes_later_under_its_own_minute(sent: Sent) -> None:
    def refuse(minute: datetime, batch: Batch) -> None:
        raise OSError("no database")

    arrives = tally._senders[0]
    tally.send_to(refuse)
    for minute in range(70):
        tally.count("cache", "slots", "hit")
        assert not tally.send(now=NOW + timedelta(minutes=minute))
    tally.count("cache", "slots", "miss")
    tally.send_to(arrives)
    assert tally.send(now=NOW + timedelta(minutes=69))
    assert len(sent) == 60, "an hour is kept, the oldest minutes are given up"
    assert sent[0][0] == NOW.replace(minute=14, second=0)
    assert len(sent[-1][1]) == 2


def test_threads_lose_no_count(sent: Sent) -> None:
    def work() -> None:
        for _ in range(2000):
            tally.count("cache", "slots", "hit")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        tally.send(now=NOW)
    tally.send(now=NOW)
    assert sum(batch["cache", "slots", "hit"].count for _, batch in sent) == 8000


def test_nobody_can_make_it_remember_without_end(sent: Sent) -> None:
    for number in range(tally._MOST_NAMES + 50):
        tally.count("cache", str(number), "hit")
        tally.observe("request", str(number), "2xx", seconds=0)
    tally.send(now=NOW)
    assert len(sent[0][1]) == 2 * tally._MOST_NAMES


@pytest.mark.parametrize(
    ("route", "name"),
    [
        ("", "/"),
        ("manage/<uuid:booking_id>/pay", "/manage/{booking_id}/pay"),
        ("services/<slug:slug>/", "/services/{slug}/"),
        ("calendar/<str:secret>.ics", "/calendar/{secret}.ics"),
        ("api/v2/^bookings/(?P<pk>[^/.]+)$", "/api/v2/bookings/{pk}"),
        ("api/v2/^bookings/(?P<pk>[0-9a-f]{8}(-[0-9a-f]+)*)/x\\Z", "/api/v2/bookings/{pk}/x"),
    ],
)
def test_a_route_is_named_as_people_write_it(route: str, name: str) -> None:
    assert route_name(route) == name


@pytest.mark.django_db
def test_answers_are_counted_by_route_and_class_and_never_by_address(
    client: Client, sent: Sent
) -> None:
    browser = {"User-Agent": "Mozilla/5.0"}
    client.get("/terms/", {"email": "canary@example.net"}, headers=browser)
    client.post("/terms/")
    client.get("/manage/5f0c1d6e-0000-4000-8000-000000000000", headers=browser)
    client.get("/canary-lane-4711", headers=browser)
    client.get("/healthz")
    client.get("/static/no.css")
    client.generic("BREW", "/terms/")
    tally.send(now=NOW)
    counted = {
        (subject, outcome): figures.count
        for (metric, subject, outcome), figures in sent[0][1].items()
        if metric == metrics.REQUEST
    }
    assert counted == {
        ("GET /terms/", "2xx"): 1,
        ("POST /terms/", "4xx"): 1,
        ("GET /terms/", "4xx"): 1,
        ("GET /manage/{booking_id}", "4xx"): 1,
        ("(no such page)", "4xx"): 1,
    }
    assert "canary" not in str(sent)


def test_counting_a_request_costs_a_few_microseconds(sent: Sent) -> None:
    """The best of five rounds, so that a busy machine fails nobody."""
    rounds = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(2000):
            tally.observe("request", "GET /api/v2/availability", "2xx", seconds=0.0123)
        rounds.append((time.perf_counter() - began) / 2000)
    assert min(rounds) < 40e-6

"""Probes and figures: quick, truthful, and for whom they are meant."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from bookings.models import Booking
from hmnp.core import health
from integrations.health import check_outbox
from integrations.models import OutboxJob
from integrations.tests.test_outbox import claim, message

TOKEN = "a token of this test"  # noqa: S105 -- opens nothing outside this file


def get(path: str, **headers: str) -> Any:
    return Client().get(path, headers=headers)


@pytest.fixture
def probes() -> Iterator[dict[str, Any]]:
    """The registered checks, restored afterwards."""
    before = dict(health._probes)
    yield health._probes
    health._probes.clear()
    health._probes.update(before)


def test_the_process_is_up_without_asking_the_database() -> None:
    # Without the `db` fixture any query would be refused.
    answer = get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-cache" in answer["Cache-Control"]


@pytest.mark.django_db(transaction=True)
def test_everything_answers_and_the_site_is_ready() -> None:
    answer = get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "checks": dict.fromkeys(["database", "cache", "broker", "limits", "outbox"], "ok"),
    }


@pytest.mark.django_db(transaction=True)
def test_a_dead_cache_is_named(settings: Settings) -> None:
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    }
    answer = get("/readyz")
    caches.close_all()
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert checks["cache"].startswith("failed: ")
    assert "127.0.0.1" not in json.dumps(checks)
    assert checks["database"] == "ok"


@pytest.mark.django_db(transaction=True)
def test_a_check_that_hangs_does_not_hang_the_answer_nor_pile_up(
    probes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 0.3)
    release, runs = threading.Event(), []

    def hang() -> None:
        runs.append(1)
        release.wait(20)

    health.register("hanging", hang)
    started = time.monotonic()
    for _ in range(3):
        answer = get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["hanging"] == "does not answer"
    assert time.monotonic() - started < 5
    assert len(runs) == 1
    release.set()


@pytest.mark.django_db(transaction=True)
def test_a_stopped_queue_is_not_ready(booking: Booking) -> None:
    message(booking)
    OutboxJob.objects.update(run_at=timezone.now() - timedelta(minutes=6))
    answer = get("/readyz")
    assert answer.status_code == 503
    assert "oldest due job has waited 36" in answer.json()["checks"]["outbox"]


@pytest.mark.django_db
def test_jobs_that_wait_for_their_next_try_are_no_lag_but_lost_ones_are(booking: Booking) -> None:
    waiting, lost = message(booking, occurrence="a"), message(booking, occurrence="b")
    later = timezone.now() + timedelta(hours=1)
    OutboxJob.objects.filter(pk=waiting.pk).update(run_at=later)
    claim(lost)
    assert check_outbox() is None
    past = timezone.now() - timedelta(minutes=10)
    OutboxJob.objects.filter(pk=lost.pk).update(lease_until=past)
    assert check_outbox() is not None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("configured", "sent"),
    [
        ("", ""),
        ("", "Bearer "),
        (TOKEN, ""),
        (TOKEN, "Bearer wrong"),
        (TOKEN, "Bearer"),
        (TOKEN, f"Basic {TOKEN}"),
        (TOKEN, f"Bearer {TOKEN}x"),
        (TOKEN, "Bearer é"),
    ],
)
def test_strangers_find_no_figures(settings: Settings, configured: str, sent: str) -> None:
    settings.METRICS_TOKEN = configured
    answer = get("/metrics", **({"Authorization": sent} if sent else {}))
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NOT_FOUND"
    assert b"hmnp_" not in answer.content


@pytest.mark.django_db
def test_the_figures_are_counted_at_the_scrape(booking: Booking, settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN

    def figures() -> dict[tuple[str, ...], float]:
        answer = get("/metrics", Authorization=f"Bearer {TOKEN}")
        assert answer.status_code == 200
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(answer.content.decode())
            for sample in family.samples
        }

    before = figures()
    assert before["hmnp_outbox_jobs", "mail", "READY"] == 0
    assert before["hmnp_bookings", "CONFIRMED"] == 1
    assert before["hmnp_bookings", "EXPIRED"] == 0
    assert before["hmnp_inbox_events", "stripe", "PARKED"] == 0
    assert before["hmnp_live_claims", "PAYING"] == 0
    job = message(booking)
    OutboxJob.objects.update(run_at=timezone.now() - timedelta(seconds=90))
    after = figures()
    assert after["hmnp_outbox_jobs", "mail", "READY"] == 1
    assert 90 <= after["hmnp_outbox_oldest_due_seconds",] < 120
    claim(job)
    assert figures()["hmnp_outbox_jobs", "mail", "RUNNING"] == 1


@pytest.mark.django_db
def test_a_scrape_asks_eight_questions(
    booking: Booking, settings: Settings, django_assert_num_queries: Any
) -> None:
    settings.METRICS_TOKEN = TOKEN
    with django_assert_num_queries(8):
        get("/metrics", Authorization=f"Bearer {TOKEN}")
    assert connection.vendor == "postgresql"

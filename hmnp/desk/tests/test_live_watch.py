"""Web, worker and beat as they run: what they count together, and whose request a task is for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from hmnp.core import doorbell
from hmnp.desk.models import MetricBucket, Reading
from hmnp.dev.live import LiveProcesses
from integrations.tests.cast import make_booking
from payments.models import Payment
from services.tests.fixtures import Catalogue

pytestmark = [pytest.mark.night, pytest.mark.runtime, pytest.mark.slow]

TOKEN = "t" * 40
ASKED = 60


def until(seconds: float, is_so: Callable[[], Any]) -> Any:
    ends_at = time.monotonic() + seconds
    while not (found := is_so()) and time.monotonic() < ends_at:
        time.sleep(0.1)
    return found


def counted(live: LiveProcesses) -> float:
    answer = httpx.get(f"{live.base_url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    return sum(
        sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == "hmnp_request_duration_seconds_count"
        and sample.labels["route"] == "GET /terms/"
    )


def test_all_web_processes_are_counted_together_and_one_that_is_killed_loses_seconds(
    live: LiveProcesses,
) -> None:
    live.environment |= {"METRICS_EVERY_SECONDS": "0.5", "METRICS_TOKEN": TOKEN}
    web = live.start_web(workers=2)
    with httpx.Client(limits=httpx.Limits(max_keepalive_connections=0)) as browser:
        for _ in range(ASKED):
            assert browser.get(f"{live.base_url}/terms/").status_code == 200
    assert until(5, lambda: counted(live) == ASKED), "whichever process answers"
    alive = MetricBucket.objects.filter(grain="T", metric="alive", subject="web")
    assert alive.exists()
    web.kill()
    assert MetricBucket.objects.filter(grain="T", metric="request").exists()
    live.start_web(workers=2)
    assert counted(live) == ASKED, "a restart begins no count anew"


def test_a_task_logs_under_the_request_that_rang_for_it(
    live: LiveProcesses, catalogue: Catalogue
) -> None:
    """Stripe does not answer, so the task says something."""
    live.environment |= {"METRICS_EVERY_SECONDS": "0.5"}
    live.start_worker(has_beat=False)
    payment = Payment.objects.create(
        booking=make_booking(catalogue.standard),
        kind="FULL",
        status="REQUIRES_PAYMENT",
        amount_cents=100,
        idempotency_key="x",
        provider_intent_id="pi_1",
        created_at="2026-01-01T00:00Z",
        updated_at="2026-01-01T00:00Z",
    )
    with structlog.contextvars.bound_contextvars(request_id="the-request-that-rang"):
        doorbell.ring("payments.settle", payment.pk)
    log = live.folder / "worker.log"

    def said() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in log.read_text().splitlines() if line[:1] == "{"]
        return [line for line in lines if line["event"] == "left to the sweeper"]

    (line,) = until(20, said)
    assert line["request_id"] == "the-request-that-rang"
    assert until(5, lambda: MetricBucket.objects.filter(subject="worker").exists())


def test_beat_and_a_worker_keep_the_heart_beating(live: LiveProcesses) -> None:
    live.start_worker()
    assert until(60, lambda: Reading.objects.filter(name="heart", value=1).exists())

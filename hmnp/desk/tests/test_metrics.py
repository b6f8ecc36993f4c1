"""From what processes count to what the owner reads: minutes, hours, days, and the business."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from bookings.models import SlotClaim
from bookings.tests.factories import a_notary, hold
from hmnp.core.tally import Figures
from hmnp.desk import metric_facts, metric_minutes, metric_rollup, metric_store
from hmnp.desk.models import MetricBucket, Reading
from integrations.models import OutboxJob
from integrations.tests.cast import make_booking
from integrations.tests.test_outbox import message
from payments.models import Payment
from services.tests.fixtures import Catalogue

NOW = datetime(2027, 3, 10, 15, 4, 5, tzinfo=UTC)
SPREAD = (1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def feed(
    at: datetime, *, name: tuple[str, str, str], count: int, total: float = 0, spread: Any = ()
) -> None:
    minute = metric_minutes.minute_of(at)
    metric_store.add(minute, {name: Figures(count, total, tuple(spread))})


def rows(grain: str, metric: str = "request") -> list[tuple[Any, ...]]:
    found = MetricBucket.objects.filter(grain=grain, metric=metric)
    return list(
        found.order_by("starts_at", "subject", "outcome").values_list(
            "starts_at", "subject", "outcome", "count", "total"
        )
    )


def figures(metric: str) -> dict[tuple[str, str], int]:
    return {(subject, outcome): count for _, subject, outcome, count, _ in rows("H", metric=metric)}


@pytest.mark.django_db
def test_minutes_of_all_processes_add_up_to_hours_and_local_days() -> None:
    name = ("request", "GET /", "2xx")
    for _process in range(2):
        feed(NOW, name=name, count=3, total=30.5, spread=SPREAD)
    feed(NOW - timedelta(minutes=10), name=name, count=3, total=9, spread=SPREAD)
    for _again in range(2):
        metric_rollup.roll_up(now=NOW)
    hour = datetime(2027, 3, 10, 15, tzinfo=UTC)
    assert rows("H") == [
        (hour - timedelta(hours=1), "GET /", "2xx", 3, 9.0),
        (hour, "GET /", "2xx", 6, 61.0),
    ]
    midnight_in_houston = datetime(2027, 3, 10, 6, tzinfo=UTC)
    assert rows("D") == [(midnight_in_houston, "GET /", "2xx", 9, 70.0)]
    assert rows("T") == [(metric_store.EPOCH, "GET /", "2xx", 9, 70.0)]
    day = MetricBucket.objects.get(grain="D")
    assert day.spread == [3, 0, 6, *[0] * 9]


@pytest.mark.django_db
def test_the_day_the_clocks_change_has_as_many_hours_as_it_has() -> None:
    """14 March 2027 lasts 23 hours in Houston."""
    start = metric_rollup.day_start(date(2027, 3, 14)).astimezone(UTC)
    for hour in range(25):
        MetricBucket.objects.create(
            grain="H",
            starts_at=start + timedelta(hours=hour),
            metric="request",
            subject="GET /",
            count=1,
        )
    metric_rollup.sum_day(date(2027, 3, 14))
    assert [count for *_, count, _ in rows("D")] == [23]


@pytest.mark.django_db(transaction=True)
def test_processes_that_send_at_once_wait_for_no_deadlock() -> None:
    names = [("request", f"GET /{number}", "2xx") for number in range(30)]
    failed: list[Exception] = []

    def send(order: int) -> None:
        try:
            for _ in range(5):
                batch = {name: Figures(1, 1.0, SPREAD) for name in names[::order]}
                metric_store.add(metric_minutes.minute_of(NOW), batch)
        except Exception as error:  # noqa: BLE001 -- shown below
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=[order]) for order in (1, -1, 1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert {count for *_, count, _ in rows("M")} == {20}


@pytest.mark.django_db
def test_what_is_kept_no_longer_goes() -> None:
    for grain, kept in metric_rollup.KEPT.items():
        for age in (kept - timedelta(hours=1), kept + timedelta(hours=1)):
            MetricBucket.objects.create(
                grain=grain.value, starts_at=NOW - age, metric="cache", subject="slots", count=1
            )
    feed(NOW - timedelta(days=3000), name=("cache", "slots", "hit"), count=1)
    assert metric_rollup.forget(now=NOW) == 4
    assert sorted(MetricBucket.objects.values_list("grain", flat=True)) == ["D", "H", "M", "T"]


@pytest.mark.django_db
def test_every_minute_is_judged_and_one_nobody_answers_for_is_down() -> None:
    def at(minutes: int) -> datetime:
        return NOW + timedelta(minutes=minutes)

    metric_minutes.note_probe(found="up", now=at(0))
    metric_minutes.note_probe(found="down", now=at(1))
    metric_minutes.note_probe(found="degraded", now=at(2))
    feed(at(3), name=("alive", "web", "up"), count=6)
    feed(at(4), name=("alive", "worker", "up"), count=6)
    assert metric_minutes.judge_minutes(now=at(7)) == 6
    assert metric_minutes.judge_minutes(now=at(7)) == 0
    judged = [outcome for _, _, outcome, _, _ in rows("M", metric="uptime")]
    assert judged == ["up", "down", "degraded", "up", "down", "down"]
    assert metric_minutes.judge_minutes(now=at(7 + 60)) == 60, "the gap is filled in"


@pytest.mark.django_db(transaction=True)
def test_the_probe_asks_the_site_itself(live_server: Any, settings: Settings) -> None:
    settings.PUBLIC_BASE_URL = live_server.url
    assert metric_minutes.probe() == "up"
    settings.PROBE_URL = f"{live_server.url}/nothing-here"
    assert metric_minutes.probe() == "down"
    settings.PROBE_URL = "http://127.0.0.1:9/readyz"
    assert metric_minutes.probe() == "down"


@pytest.mark.django_db
def test_the_databases_health_is_read_from_the_database() -> None:
    found = metric_minutes.sample_database(now=NOW)
    assert set(found) == set(metric_minutes.DATABASE_FIGURES)
    assert 0 < found["connections_percent"] < 100
    assert found["size_bytes"] > 1_000_000
    assert Reading.objects.filter(name="database").count() == len(found)


@pytest.mark.django_db
def test_a_time_held_is_followed_to_its_booking_and_its_money(catalogue: Catalogue) -> None:
    a_notary()
    held = hold().claim
    # Held by the database's clock.
    soon = held.held_at + timedelta(minutes=30)
    metric_facts.derive(now=soon)
    assert figures("step") == {("customers", "hold"): 1}
    SlotClaim.objects.filter(pk=held.pk).update(booking=make_booking(catalogue.standard))
    for _again in range(2):
        metric_facts.derive(now=soon)
    assert figures("step") == {
        ("customers", "hold"): 1,
        ("customers", "booking"): 1,
        ("customers", "paid"): 1,
    }


@pytest.mark.django_db
def test_a_declined_card_is_no_failure_and_an_open_payment_nothing_yet(
    catalogue: Catalogue,
) -> None:
    booking = make_booking(catalogue.standard)
    at = NOW - timedelta(minutes=50)
    payments: list[dict[str, Any]] = [
        {"status": "SUCCEEDED", "provider_intent_id": "pi_1"},
        {"status": "REFUNDED", "provider_intent_id": "pi_2"},
        {"status": "CANCELLED", "provider_intent_id": "pi_3", "declined_attempt": "ch_1"},
        {"status": "CANCELLED", "provider_intent_id": "pi_4"},
        {"status": "FAILED"},
        {"status": "CREATED", "intent_requested_at": at},
        {"status": "SUCCEEDED", "method": "CASH"},
    ]
    for number, fields in enumerate(payments):
        Payment.objects.create(
            booking=booking,
            kind="FULL",
            amount_cents=100,
            idempotency_key=str(number),
            created_at=at,
            updated_at=at,
            **fields,
        )
    metric_facts.derive(now=NOW)
    assert figures("payment") == {
        ("card", "succeeded"): 2,
        ("card", "declined"): 1,
        ("card", "abandoned"): 1,
        ("card", "failed"): 2,
    }
    assert figures("completion") == {("customers", "paid"): 1}


@pytest.mark.django_db
def test_a_job_is_done_at_once_later_or_given_up(catalogue: Catalogue) -> None:
    booking = make_booking(catalogue.standard)
    now = timezone.now()
    for number, (state, attempts) in enumerate(
        [("SUCCEEDED", 1), ("SUCCEEDED", 1), ("SUCCEEDED", 3), ("DEAD", 12), ("SUPERSEDED", 0)]
    ):
        job = message(booking, occurrence=str(number))
        OutboxJob.objects.filter(pk=job.pk).update(
            state=state, attempts=attempts, finished_at=now - timedelta(minutes=1)
        )
    metric_facts.derive(now=now)
    assert figures("integration") == {
        ("mail", "at_once"): 2,
        ("mail", "later"): 1,
        ("mail", "given_up"): 1,
    }


@pytest.mark.django_db
def test_any_process_shows_prometheus_what_all_of_them_counted(
    client: Any, settings: Settings
) -> None:
    settings.METRICS_TOKEN = "t" * 40
    for _process in range(2):
        feed(NOW, name=("request", "GET /", "2xx"), count=3, total=30.5, spread=SPREAD)
        feed(NOW, name=("cache", "slots", "hit"), count=4)
    answer = client.get("/metrics", headers={"Authorization": "Bearer " + "t" * 40})
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }
    request = "hmnp_request_duration_seconds"
    assert samples[f"{request}_count", "2xx", "GET /"] == 6
    assert samples[f"{request}_sum", "2xx", "GET /"] == 0.061
    assert samples[f"{request}_bucket", "0.005", "2xx", "GET /"] == 2
    assert samples[f"{request}_bucket", "0.025", "2xx", "GET /"] == 6
    assert samples["hmnp_cache_lookups_total", "hit", "slots"] == 8
    assert samples["hmnp_alerts_open", "BEAT_SILENT"] == 0

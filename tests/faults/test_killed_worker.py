"""Real workers, really killed: no job is lost, no mail is sent twice, nobody is named in a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from celery import current_app
from django.db import transaction
from django.utils import timezone

from bookings.events import BookingConfirmed
from bookings.models import Booking, TimelineEvent
from hmnp.core.context import SYSTEM
from hmnp.core.events import emit
from hmnp.dev.live import LiveProcesses
from integrations.models import OutboxJob
from integrations.tests.cast import CUSTOMER, NAME, PHONE, STREET, make_booking
from services.tests.fixtures import Catalogue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def booking(catalogue: Catalogue) -> Booking:
    """A confirmed mobile appointment two days ahead."""
    return make_booking(catalogue.standard)


def confirm(booking: Booking) -> OutboxJob:
    with transaction.atomic():
        emit(BookingConfirmed(booking_id=booking.pk, version=booking.version, actor=SYSTEM))
    return OutboxJob.objects.get(booking=booking)


def wait_until(true: Callable[[], Any], *, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def mails(live: LiveProcesses, booking: Booking) -> list[Any]:
    params = {"booking_id": str(booking.pk)}
    found: list[Any] = httpx.get(f"{live.sandbox_url}/_sandbox/mails", params=params).json()["data"]
    return found


def is_done(job: OutboxJob) -> bool:
    job.refresh_from_db()
    return job.state == "SUCCEEDED"


def test_a_worker_killed_while_it_sends_is_followed_by_one_that_looks_first(
    live: LiveProcesses, booking: Booking
) -> None:
    live.start_sandbox()
    worker = live.start_worker()
    httpx.post(
        f"{live.sandbox_url}/_sandbox/faults",
        json={
            "match": {"path": "/postmark/email"},
            "action": "timeout_after_commit",
            "ms": 12_000,
        },
    ).raise_for_status()
    job = confirm(booking)
    wait_until(lambda: mails(live, booking))
    worker.kill()
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("RUNNING", 1)

    # Instead of waiting for it: the lease runs out.
    OutboxJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    second = live.start_worker()
    wait_until(lambda: is_done(job))
    assert (job.attempts, job.unknown_outcomes) == (2, 1)
    assert [mail["id"] for mail in mails(live, booking)] == [job.external_id]
    assert TimelineEvent.objects.filter(booking=booking, action="message_sent").count() == 1

    logged = worker.log.read_text() + second.log.read_text()
    assert "integrations.run_job" in logged
    for canary in (CUSTOMER, NAME, PHONE, STREET, "token="):
        assert canary not in logged


def test_a_bell_that_nobody_heard_is_rung_again_by_the_sweep(
    live: LiveProcesses, booking: Booking
) -> None:
    live.start_sandbox()
    job = confirm(booking)
    current_app.control.purge()
    OutboxJob.objects.update(rung_at=timezone.now() - timedelta(seconds=60))
    live.start_worker()
    wait_until(lambda: is_done(job))
    assert (job.attempts, len(mails(live, booking))) == (1, 1)

"""A destination in trouble delays no other, loses no job, and calls a person."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from bookings.models import Booking
from hmnp.core import doorbell
from hmnp.core.cases import CaseKind
from integrations import attempts, budgets, delivery, destinations, due_jobs, outbox
from integrations.connectors import CONNECTORS
from integrations.errors import ConnectorError, Postponed
from integrations.models import DestinationState, OutboxJob
from integrations.outbox import Policy
from integrations.receipts import Receipt
from integrations.states import Destination, MessageKind
from integrations.tests.test_outbox import claim, fail, make_due, message, state, sync

pytestmark = pytest.mark.django_db


def _cases() -> QuerySet[Any]:
    """Give the desk's cases; the desk lives above, so its table is asked for by name."""
    return apps.get_model("desk", "Case")._default_manager.all()


def _open_cases(booking: Booking) -> list[tuple[str, str]]:
    return list(_cases().filter(closed_at=None).values_list("kind", "repair"))


def _sms(booking: Booking, *, occurrence: str = "") -> OutboxJob:
    with transaction.atomic():
        outbox.enqueue_message(
            destination=Destination.SMS,
            booking_id=booking.id,
            version=1,
            message_kind=MessageKind.CONFIRMATION,
            recipient="+17135550100",
            occurrence_id=occurrence,
        )
    return OutboxJob.objects.get(destination="sms", occurrence_id=occurrence)


def _fail_often(times: int) -> None:
    for _ in range(times):
        destinations.record_failure(destination=Destination.MAIL)


def test_after_five_failures_in_a_row_nothing_goes_there_for_a_minute(booking: Booking) -> None:
    mail, sms = message(booking), _sms(booking)
    _fail_often(destinations.FAILURES_TO_OPEN)
    assert attempts.claim(job_id=mail.pk) is None
    assert claim(sms).attempts == 1, "another destination goes on"
    OutboxJob.objects.update(rung_at=None)
    assert due_jobs.take_unanswered() == []
    DestinationState.objects.update(open_until=timezone.now() - timedelta(seconds=1))
    assert due_jobs.take_unanswered() == [mail.pk]
    assert claim(mail).attempts == 1, "waiting cost it nothing"


def test_one_failed_probe_opens_the_breaker_again_and_a_success_closes_it() -> None:
    _fail_often(destinations.FAILURES_TO_OPEN + 1)
    row = DestinationState.objects.get(name="mail")
    assert row.open_until is not None
    assert timedelta(seconds=50) < row.open_until - timezone.now() <= destinations.OPEN_FOR
    destinations.record_success(destination=Destination.MAIL)
    assert DestinationState.objects.filter(name="mail", failures=0, open_until=None).exists()


def test_after_a_failure_one_job_at_a_time_is_tried(booking: Booking) -> None:
    first, second = message(booking, occurrence="a"), message(booking, occurrence="b")
    claim(first)
    assert claim(second).pk == second.pk, "in good times they run side by side"
    third, fourth = message(booking, occurrence="c"), message(booking, occurrence="d")
    OutboxJob.objects.filter(pk__in=[first.pk, second.pk]).update(
        state="SUCCEEDED", finished_at=timezone.now()
    )
    _fail_often(1)
    probe = claim(third)
    assert attempts.claim(job_id=fourth.pk) is None
    assert attempts.succeed(job=probe)
    assert claim(fourth).pk == fourth.pk


def test_a_pause_holds_jobs_back_until_it_is_lifted(booking: Booking) -> None:
    job = message(booking)
    assert destinations.pause(destination=Destination.MAIL, by="dora", reason="new domain")
    assert not destinations.pause(destination=Destination.MAIL, by="else", reason="again")
    assert attempts.claim(job_id=job.pk) is None
    assert _open_cases(booking) == [], "who paused it knows"
    assert destinations.resume(destination=Destination.MAIL)
    assert not destinations.resume(destination=Destination.MAIL)
    assert claim(job).pk == job.pk


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """Errors the mail connector will raise, one a job; then it succeeds."""
    errors: list[Exception] = []

    def deliver(job: OutboxJob, now: datetime) -> Receipt:  # noqa: ARG001 -- a connector's shape
        if errors:
            raise errors.pop(0)
        return Receipt(external_id="pm-1", note={"message": "confirmation"})

    monkeypatch.setitem(CONNECTORS, Destination.MAIL, deliver)
    return errors


def test_refused_credentials_pause_the_destination_and_lose_no_attempt(
    booking: Booking, answer: list[Exception]
) -> None:
    job = message(booking)
    answer.append(ConnectorError("answered 401", are_credentials_refused=True))
    delivery.attempt(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("READY", 0)
    assert _open_cases(booking) == [("INTEGRATION_PAUSED", "resume_destination")]
    delivery.attempt(job_id=job.pk)
    assert state(job) == "READY", "it waits for the person"
    destinations.resume(destination=Destination.MAIL)
    assert _open_cases(booking) == []
    delivery.attempt(job_id=job.pk)
    assert state(job) == "SUCCEEDED"


@pytest.mark.parametrize(
    ("error", "failures"),
    [
        (ConnectorError("answered 503"), 1),
        (ConnectorError("answered 422", permanent=True), 0),
        (Postponed("its rate budget is spent", delay=timedelta(seconds=3)), 0),
        (ZeroDivisionError(), 0),
    ],
)
def test_only_trouble_of_theirs_counts_for_the_breaker(
    booking: Booking, answer: list[Exception], error: Exception, failures: int
) -> None:
    answer.append(error)
    delivery.attempt(job_id=message(booking).pk)
    assert sum(DestinationState.objects.values_list("failures", flat=True)) == failures


def test_what_is_asked_to_wait_waits_at_least_that_long(
    booking: Booking, answer: list[Exception]
) -> None:
    job = message(booking)
    answer.append(ConnectorError("answered 429", retry_after=timedelta(minutes=20)))
    delivery.attempt(job_id=job.pk)
    job.refresh_from_db()
    assert job.run_at > timezone.now() + timedelta(minutes=19)


def test_postponed_jobs_lose_no_attempt(booking: Booking, answer: list[Exception]) -> None:
    job = message(booking)
    answer.append(Postponed("documents are being processed", delay=timedelta(seconds=30)))
    delivery.attempt(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("READY", 0)
    assert job.run_at > timezone.now() + timedelta(seconds=25)


def test_a_dead_job_calls_a_person_until_it_is_tried_again(booking: Booking) -> None:
    job = message(booking)
    assert fail(claim(job), permanent=True)
    assert _open_cases(booking) == [(CaseKind.INTEGRATION_DEAD, "replay_job")]
    assert outbox.replay(job_id=job.pk)
    assert _open_cases(booking) == []


def test_a_dead_job_of_what_is_not_required_calls_nobody(booking: Booking) -> None:
    policy = Policy(max_attempts=1, give_up_after=timedelta(hours=1), is_required=False)
    assert fail(claim(message(booking, policy=policy)))
    assert _open_cases(booking) == []


def test_a_newer_version_settles_the_case_of_the_dead_one(booking: Booking) -> None:
    assert fail(claim(sync(booking, version=1)), permanent=True)
    assert len(_open_cases(booking)) == 1
    sync(booking, version=2)
    assert _open_cases(booking) == []


def test_asked_again_at_the_same_version_it_is_done_again(booking: Booking) -> None:
    job = sync(booking, version=1)
    sync(booking, version=1)
    running = claim(job)
    sync(booking, version=1)
    assert attempts.succeed(job=running)
    assert state(job) == "READY", "what it read may be old"
    assert attempts.succeed(job=claim(job))
    assert state(job) == "SUCCEEDED"
    sync(booking, version=1)
    assert state(job) == "READY"
    assert OutboxJob.objects.count() == 1


def test_the_more_urgent_of_two_due_jobs_is_rung_first(booking: Booking) -> None:
    later = Policy(max_attempts=3, give_up_after=timedelta(hours=1), priority=3)
    slow = message(booking, policy=later, occurrence="slow")
    fast = message(booking, occurrence="fast")
    make_due(slow)
    OutboxJob.objects.update(rung_at=None)
    assert due_jobs.due() == [fast.pk, slow.pk]
    assert due_jobs.take_unanswered() == [fast.pk, slow.pk]


def _is_taken() -> bool:
    try:
        budgets.take(destination=Destination.GHL)
    except Postponed:
        return False
    return True


def test_no_more_calls_than_the_budget_are_made_in_any_ten_seconds() -> None:
    budget = budgets.BUDGETS[Destination.GHL]
    assert budget.burst + 10 * budget.per_second <= 100
    begun, taken = time.monotonic(), 0
    while _is_taken():
        taken += 1
    refilled = (time.monotonic() - begun) * budget.per_second
    assert budget.burst <= taken <= budget.burst + refilled
    DestinationState.objects.update(refilled_at=timezone.now() - timedelta(seconds=1))
    budgets.take(destination=Destination.GHL)


def test_no_more_jobs_than_may_go_to_one_destination_at_once(booking: Booking) -> None:
    jobs = [message(booking, occurrence=name) for name in "abcd"]
    running = [claim(job) for job in jobs[: settings.OUTBOX_JOBS_AT_ONCE]]
    assert attempts.claim(job_id=jobs[2].pk) is None
    assert claim(_sms(booking)).attempts == 1, "another destination has room of its own"
    assert attempts.succeed(job=running[0])
    assert claim(jobs[2]).pk == jobs[2].pk


@pytest.mark.django_db(transaction=True)
def test_a_job_that_is_done_rings_for_the_next_of_its_destination(
    booking: Booking, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[object] = []
    monkeypatch.setattr(doorbell, "ring", lambda _task, job_id: rung.append(job_id))
    running = claim(message(booking, occurrence="a"))
    waiting = [message(booking, occurrence=name) for name in "bcd"]
    rung.clear()
    assert fail(running)
    assert rung == [job.pk for job in waiting[:2]]


def test_what_one_job_may_need_is_set_aside_for_it_and_the_rest_goes_back() -> None:
    budget = budgets.BUDGETS[Destination.GHL]
    with budgets.for_one_job(destination=Destination.GHL):
        for _ in range(3):
            budgets.take(destination=Destination.GHL)
        left = DestinationState.objects.get(name="ghl").tokens
        assert left == pytest.approx(budget.burst - budget.per_job, abs=0.5)
    left = DestinationState.objects.get(name="ghl").tokens
    assert left == pytest.approx(budget.burst - 3, abs=0.5)
    DestinationState.objects.update(tokens=budget.per_job - 1, refilled_at=timezone.now())
    with (
        pytest.raises(Postponed),
        budgets.for_one_job(destination=Destination.GHL),
    ):
        pytest.fail("it has begun")

"""The job row is the job: claimed once, finished by whoever holds it, never lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.test import override_settings
from django.utils import timezone

from bookings.models import Booking
from hmnp.core import doorbell
from integrations import attempts, due_jobs, leases, outbox
from integrations.models import OutboxJob
from integrations.outbox import Policy
from integrations.states import Destination, JobKind, JobState, MessageKind

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)

POLICY = Policy(max_attempts=3, give_up_after=timedelta(hours=1))


def message(booking: Booking, *, policy: Policy = POLICY, occurrence: str = "") -> OutboxJob:
    with transaction.atomic():
        outbox.enqueue_message(
            destination=Destination.MAIL,
            booking_id=booking.id,
            version=1,
            message_kind=MessageKind.CONFIRMATION,
            recipient=booking.customer_email,
            occurrence_id=occurrence,
            policy=policy,
        )
    return OutboxJob.objects.get(occurrence_id=occurrence)


def sync(booking: Booking, *, version: int) -> OutboxJob:
    with transaction.atomic():
        outbox.enqueue_sync(
            destination=Destination.MAIL, booking_id=booking.id, version=version, policy=POLICY
        )
    return OutboxJob.objects.get(kind=JobKind.SYNC.value, version=version)


def claim(job: OutboxJob) -> OutboxJob:
    claimed = attempts.claim(job_id=job.pk)
    assert claimed is not None
    return claimed


def state(job: OutboxJob) -> str:
    return OutboxJob.objects.values_list("state", flat=True).get(pk=job.pk)


def fail(job: OutboxJob, *, permanent: bool = False) -> bool:
    return attempts.fail(
        job=job, reason="the service answered 503", permanent=permanent, is_outcome_unknown=False
    )


def lose_worker(job: OutboxJob) -> None:
    """Let the lease of a claimed job run out, as after a kill -9."""
    past = timezone.now() - timedelta(seconds=1)
    OutboxJob.objects.filter(pk=job.pk).update(lease_until=past)


def make_due(job: OutboxJob) -> None:
    OutboxJob.objects.filter(pk=job.pk).update(run_at=timezone.now() - timedelta(seconds=1))


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    results: list[Any] = [None] * count
    barrier = threading.Barrier(count)

    def run(index: int) -> None:
        try:
            barrier.wait()
            results[index] = work(index)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[index]) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def test_a_claimed_job_is_leased_counted_and_nobody_elses(booking: Booking) -> None:
    job = message(booking)
    claimed = claim(job)
    assert (claimed.state, claimed.attempts) == ("RUNNING", 1)
    assert claimed.token is not None
    assert claimed.lease_until is not None
    assert claimed.lease_until > timezone.now() + timedelta(seconds=30)
    assert attempts.claim(job_id=job.pk) is None


def test_a_job_that_is_not_there_is_not_claimed() -> None:
    assert attempts.claim(job_id=uuid4()) is None


@override_settings(OUTBOX_JOBS_AT_ONCE=100)
@committed
def test_eight_workers_on_the_same_jobs_do_each_exactly_once(booking: Booking) -> None:
    jobs = [message(booking, occurrence=str(number)) for number in range(12)]

    def worker(_: int) -> list[UUID]:
        return [job.pk for job in jobs if attempts.claim(job_id=job.pk) is not None]

    claimed = [job_id for result in in_threads(8, worker) for job_id in result]
    assert sorted(claimed) == sorted(job.pk for job in jobs)
    assert set(OutboxJob.objects.values_list("attempts", flat=True)) == {1}


@committed
def test_without_skip_locked_and_the_state_check_two_workers_do_the_same_job() -> None:
    """The negative control: read, then write, and the race is there."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE scratch_job (id int primary key, state text)")
        cursor.execute("INSERT INTO scratch_job VALUES (1, 'READY')")
    both_have_read = threading.Barrier(2)

    def worker(_: int) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT state FROM scratch_job WHERE id = 1")
            is_free = cursor.fetchone()[0] == "READY"
            both_have_read.wait()
            if is_free:
                cursor.execute("UPDATE scratch_job SET state = 'RUNNING' WHERE id = 1")
            return bool(is_free)

    try:
        assert in_threads(2, worker) == [True, True]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE scratch_job")


def test_a_killed_workers_job_is_taken_again_and_the_stale_worker_is_fenced_off(
    booking: Booking,
) -> None:
    job = message(booking)
    stale = claim(job)
    lose_worker(job)
    fresh = claim(job)
    assert fresh.token != stale.token
    assert (fresh.attempts, fresh.unknown_outcomes) == (2, 1)

    written: list[str] = []
    assert not attempts.succeed(job=stale, alongside=lambda: written.append("rolled back"))
    assert not fail(stale)
    assert not attempts.supersede(job=stale, reason="late")
    assert state(job) == "RUNNING"

    assert attempts.succeed(job=fresh, external_id="pm-1")
    job.refresh_from_db()
    assert (job.state, job.external_id) == ("SUCCEEDED", "pm-1")
    assert job.finished_at is not None


def test_what_a_fenced_off_worker_wrote_alongside_is_undone(booking: Booking) -> None:
    job = message(booking)
    stale = claim(job)
    lose_worker(job)
    claim(job)

    def rename() -> None:
        Booking.objects.filter(pk=booking.pk).update(customer_name="written by the stale worker")

    assert not attempts.succeed(job=stale, alongside=rename)
    booking.refresh_from_db()
    assert booking.customer_name != "written by the stale worker"


def test_the_lease_outlasts_the_task_and_a_lost_job_is_back_within_a_minute() -> None:
    sweep = settings.CELERY_BEAT_SCHEDULE["integrations.sweep-outbox"]["schedule"]
    assert leases.LEASE.total_seconds() > leases.TASK_HARD_LIMIT_SECONDS
    assert leases.LEASE.total_seconds() + float(str(sweep)) < 60


def test_a_failed_job_waits_longer_each_time_and_dies_at_the_policys_end(
    booking: Booking, caplog: pytest.LogCaptureFixture
) -> None:
    job = message(booking)
    for attempt in (1, 2):
        assert fail(claim(job))
        job.refresh_from_db()
        assert job.state == "READY"
        wait = (job.run_at - timezone.now()).total_seconds()
        assert 0.8 * 5 * 2 ** (attempt - 1) - 1 < wait <= 5 * 2 ** (attempt - 1)
        assert attempts.claim(job_id=job.pk) is None, "it is not due yet"
        make_due(job)
    assert fail(claim(job))
    assert state(job) == "DEAD"
    deaths = [record for record in caplog.records if "dead" in record.message]
    assert [(record.levelname, record.job_id) for record in deaths] == [("ERROR", str(job.pk))]  # type: ignore[attr-defined]
    assert attempts.claim(job_id=job.pk) is None


def test_a_permanent_failure_is_not_tried_again(booking: Booking) -> None:
    job = message(booking)
    assert fail(claim(job), permanent=True)
    assert state(job) == "DEAD"


def test_a_job_past_its_policys_hours_dies_however_few_its_attempts(booking: Booking) -> None:
    job = message(booking)
    OutboxJob.objects.filter(pk=job.pk).update(give_up_at=timezone.now())
    assert fail(claim(job))
    assert state(job) == "DEAD"


def test_a_job_that_kills_every_worker_dies_too(booking: Booking) -> None:
    job = message(booking)
    for _ in range(POLICY.max_attempts):
        claim(job)
        lose_worker(job)
    assert attempts.claim(job_id=job.pk) is None
    assert state(job) == "DEAD"


def test_delays_double_up_to_an_hour() -> None:
    assert all(
        0.8 * nominal <= leases.retry_delay(attempts=attempts).total_seconds() <= nominal
        for attempts, nominal in [(1, 5), (2, 10), (5, 80), (10, 2560), (11, 3600), (90, 3600)]
    )


def test_the_default_policy_outlives_its_own_back_off() -> None:
    policy = outbox.MESSAGE_POLICY
    total = sum(min(5 * 2 ** min(n, 16), 3600) * 0.8 for n in range(policy.max_attempts - 1))
    assert total >= 0.75 * policy.give_up_after.total_seconds()


def test_a_dead_job_can_be_started_anew_but_no_other(booking: Booking) -> None:
    job = message(booking)
    assert not outbox.replay(job_id=job.pk)
    assert fail(claim(job), permanent=True)
    assert outbox.replay(job_id=job.pk)
    again = claim(job)
    assert (again.attempts, again.finished_at) == (1, None)
    assert attempts.succeed(job=again)
    assert not outbox.replay(job_id=job.pk)


def test_a_newer_sync_job_supersedes_older_ones_dead_ones_included(booking: Booking) -> None:
    dead, waiting = sync(booking, version=1), sync(booking, version=2)
    assert state(dead) == "SUPERSEDED"
    assert fail(claim(waiting), permanent=True)
    newest = sync(booking, version=3)
    assert [state(job) for job in (dead, waiting, newest)] == ["SUPERSEDED", "SUPERSEDED", "READY"]
    assert not outbox.replay(job_id=waiting.pk)


def test_a_message_is_never_superseded_by_a_newer_one(booking: Booking) -> None:
    job = message(booking)
    sync(booking, version=7)
    assert state(job) == "READY"


def test_sync_jobs_of_a_booking_run_one_after_the_other(booking: Booking) -> None:
    first = sync(booking, version=1)
    running = claim(first)
    second = sync(booking, version=2)
    assert state(first) == "RUNNING", "what has begun is not cut off"
    assert attempts.claim(job_id=second.pk) is None, "it waits for the older one"
    assert attempts.succeed(job=running)
    assert claim(second).version == 2


def test_an_older_sync_job_that_failed_makes_way_for_the_newer_one(booking: Booking) -> None:
    first = sync(booking, version=1)
    running = claim(first)
    second = sync(booking, version=2)
    assert fail(running)
    assert claim(second).version == 2
    make_due(first)
    assert attempts.claim(job_id=first.pk) is None
    assert state(first) == "SUPERSEDED"


def test_an_older_sync_job_whose_worker_died_does_not_block_the_newer_one(
    booking: Booking,
) -> None:
    first = sync(booking, version=1)
    claim(first)
    second = sync(booking, version=2)
    lose_worker(first)
    assert claim(second).version == 2
    assert attempts.claim(job_id=first.pk) is None
    assert state(first) == "SUPERSEDED"


def test_the_sweep_finds_what_the_bell_missed_once_in_a_while(booking: Booking) -> None:
    job = message(booking)
    assert due_jobs.take_unanswered() == [], "its bell has only just rung"
    assert due_jobs.due() == [job.pk], "but it is due"
    OutboxJob.objects.update(rung_at=timezone.now() - due_jobs.RING_AGAIN * 2)
    assert due_jobs.take_unanswered() == [job.pk]
    assert due_jobs.take_unanswered() == [], "it was rung for just now"


@override_settings(OUTBOX_JOBS_AT_ONCE=100)
def test_the_sweep_finds_dead_workers_and_retries_but_not_what_must_wait(
    booking: Booking,
) -> None:
    lost, retried, waiting = (message(booking, occurrence=name) for name in "abc")
    claim(lost)
    lose_worker(lost)
    assert fail(claim(retried))
    assert fail(claim(waiting))
    make_due(retried)
    assert set(due_jobs.due()) == {lost.pk, retried.pk}
    assert set(due_jobs.take_unanswered()) == {lost.pk, retried.pk}


@committed
def test_a_dead_broker_loses_no_job_and_breaks_no_request(
    booking: Booking, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(doorbell, "ring", broken)
    assert message(booking).state == JobState.READY
    assert "on_commit" in caplog.text


@committed
def test_the_table_refuses_twins_and_messages_to_nobody(booking: Booking) -> None:
    job = message(booking)
    job.pk = uuid4()
    with pytest.raises(IntegrityError):
        job.save(force_insert=True)
    job.recipient = ""
    with pytest.raises(IntegrityError):
        job.save(force_insert=True)

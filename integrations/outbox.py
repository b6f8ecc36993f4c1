"""The life of an outbox job: written with its fact, claimed, finished.

Nothing else writes its table, but for `due_jobs`, which notes when a bell was rung.
All times are the database's, so that no host's clock decides who holds a lease. Nothing here
touches the network but the doorbell, which rings after the commit and may be lost.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case, settle_case
from hmnp.core.doorbell import ring_after_commit
from hmnp.core.request_id import current_request_id
from integrations.destinations import SHUT_SQL
from integrations.leases import LEASE, retry_delay
from integrations.models import OutboxJob
from integrations.states import Destination, JobKind, JobState, MessageKind

logger = logging.getLogger(__name__)

RUN_JOB = "integrations.run_job"


@dataclass(frozen=True)
class Policy:
    """How hard to try before a person is called, and which of several due jobs goes first."""

    max_attempts: int
    give_up_after: timedelta
    priority: int = 1
    is_required: bool = True


# With the back-off of `leases`: a dozen tries in the first six hours, then hourly for three days.
MESSAGE_POLICY = Policy(max_attempts=90, give_up_after=timedelta(hours=72))


class _LeaseLost(Exception):
    """Another worker has claimed the job since; what was about to be written must not be."""


def enqueue_message(
    *,
    destination: Destination,
    booking_id: UUID,
    version: int,
    message_kind: MessageKind,
    recipient: str,
    occurrence_id: str = "",
    policy: Policy = MESSAGE_POLICY,
) -> None:
    """Write a message job in the caller's transaction; a twin that exists already is kept."""
    _insert(
        OutboxJob(
            kind=JobKind.MESSAGE.value,
            destination=destination.value,
            booking_id=booking_id,
            version=version,
            message_kind=message_kind.value,
            recipient=recipient,
            occurrence_id=occurrence_id,
        ),
        policy=policy,
    )


def enqueue_sync(
    *, destination: Destination, booking_id: UUID, version: int, policy: Policy
) -> None:
    """Write a sync job in the caller's transaction; older ones that are not running are over."""
    older = OutboxJob.objects.filter(
        kind=JobKind.SYNC.value,
        booking_id=booking_id,
        destination=destination.value,
        version__lt=version,
    )
    for dead_id in older.filter(state=JobState.DEAD.value).values_list("pk", flat=True):
        _settle_death(dead_id, how="a newer version is on its way")
    older.filter(state__in=[JobState.READY.value, JobState.DEAD.value]).update(
        state=JobState.SUPERSEDED.value, finished_at=Now(), last_error="a newer version exists"
    )
    _insert(
        OutboxJob(
            kind=JobKind.SYNC.value,
            destination=destination.value,
            booking_id=booking_id,
            version=version,
        ),
        policy=policy,
    )


def _insert(job: OutboxJob, *, policy: Policy) -> None:
    job.id = uuid.uuid4()
    job.max_attempts = policy.max_attempts
    job.priority = policy.priority
    job.is_required = policy.is_required
    # Expressions, not values: the database's clock fills them in.
    now: Any = Now()
    job.run_at = job.created_at = job.rung_at = now
    job.give_up_at = now + policy.give_up_after
    job.request_id = current_request_id()[:64]
    OutboxJob.objects.bulk_create([job], ignore_conflicts=True)
    ring_after_commit(RUN_JOB, job.id)


def claim(*, job_id: UUID) -> OutboxJob | None:
    """Take a due job for one attempt under a lease, or give None when it is not there to be taken.

    A sync job waits while an older one of its booking and destination is being done, and is over
    when a newer one exists. A job waits while its destination is paused or its breaker open; after
    a failure one job at a time goes there, so that a hanging system never takes every worker.
    """
    return transactions.run(partial(_claim, job_id))


def _claim(job_id: UUID) -> OutboxJob | None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH due AS (
                SELECT id, state FROM integrations_outboxjob AS job
                WHERE id = %s
                  AND ((state = 'READY' AND run_at <= clock_timestamp())
                       OR (state = 'RUNNING' AND lease_until < clock_timestamp()))
                  AND NOT EXISTS (
                      SELECT 1 FROM integrations_outboxjob AS older
                      WHERE job.kind = 'SYNC' AND older.kind = 'SYNC'
                        AND older.booking_id = job.booking_id
                        AND older.destination = job.destination
                        AND older.version < job.version
                        AND older.state = 'RUNNING' AND older.lease_until >= clock_timestamp())
                  AND NOT {SHUT_SQL}
                  AND NOT EXISTS (
                      SELECT 1 FROM integrations_outboxjob AS probe
                      JOIN integrations_destinationstate AS troubled
                        ON troubled.name = probe.destination AND troubled.failures > 0
                      WHERE probe.destination = job.destination AND probe.id <> job.id
                        AND probe.state = 'RUNNING' AND probe.lease_until >= clock_timestamp())
                FOR UPDATE SKIP LOCKED
            )
            UPDATE integrations_outboxjob AS job
            SET state = 'RUNNING', attempts = attempts + 1, token = gen_random_uuid(),
                lease_until = clock_timestamp() + make_interval(secs => %s), rung_at = NULL,
                -- Found running: its worker was lost, and nobody knows how far it came.
                unknown_outcomes = unknown_outcomes + (due.state = 'RUNNING')::int
            FROM due WHERE job.id = due.id
            """,  # noqa: S608 -- the only part put in is a constant
            [job_id, LEASE.total_seconds()],
        )
        if cursor.rowcount == 0:
            return None
    job = OutboxJob.objects.get(pk=job_id)
    if job.kind == JobKind.SYNC and _has_newer(job):
        _end(job, JobState.SUPERSEDED, "a newer version exists")
        return None
    if job.attempts > job.max_attempts:
        _bury(job, "its worker was lost at the last attempt")
        return None
    return job


def _has_newer(job: OutboxJob) -> bool:
    return OutboxJob.objects.filter(
        kind=JobKind.SYNC.value,
        booking_id=job.booking_id,
        destination=job.destination,
        version__gt=job.version,
    ).exists()


def succeed(
    *, job: OutboxJob, external_id: str = "", alongside: Callable[[], None] | None = None
) -> bool:
    """End a claimed job as done, with the rows `alongside` writes in the same transaction.

    Gives False, and writes nothing, when the lease was lost: the job is another worker's now.
    """

    def work() -> None:
        # The booking's rows come before the outbox in the lock order.
        if alongside is not None:
            alongside()
        if not _end(job, JobState.SUCCEEDED, "", external_id=external_id):
            raise _LeaseLost

    try:
        transactions.run(work)
    except _LeaseLost:
        return _say_lost(job)
    _ring_waiting(job)
    return True


def supersede(*, job: OutboxJob, reason: str) -> bool:
    """End a claimed job as no longer wanted. Gives False when the lease was lost."""
    if not _end(job, JobState.SUPERSEDED, reason):
        return _say_lost(job)
    _ring_waiting(job)
    return True


def fail(
    *,
    job: OutboxJob,
    reason: str,
    permanent: bool,
    is_outcome_unknown: bool,
    not_before: timedelta | None = None,
) -> bool:
    """Put a claimed job back for a later attempt, or end it as dead. False: the lease was lost.

    `not_before` is how long the other side asked us to wait.
    """
    delay = max(retry_delay(attempts=job.attempts), not_before or timedelta())
    is_last = permanent or job.attempts >= job.max_attempts
    if not is_last and transactions.database_now() + delay < job.give_up_at:
        return _put_back(
            job,
            delay=delay,
            reason=reason,
            unknown_outcomes=F("unknown_outcomes") + int(is_outcome_unknown),
        )
    if not transactions.run(partial(_bury, job, reason)):
        return _say_lost(job)
    _ring_waiting(job)
    return True


def postpone(*, job: OutboxJob, reason: str, delay: timedelta) -> bool:
    """Put a claimed job back as if it had not been tried. False: the lease was lost."""
    return _put_back(job, delay=delay, reason=reason, attempts=F("attempts") - 1)


def _put_back(job: OutboxJob, *, delay: timedelta, reason: str, **changes: Any) -> bool:
    updated = _mine(job).update(
        state=JobState.READY.value,
        run_at=Now() + delay,
        lease_until=None,
        rung_at=None,
        last_error=reason[:500],
        **changes,
    )
    if not updated:
        return _say_lost(job)
    _ring_waiting(job)
    return True


def replay(*, job_id: UUID) -> bool:
    """Start a dead job anew, with all its attempts. Gives False when it is not dead (any more)."""

    def work() -> bool:
        job = OutboxJob.objects.select_for_update().filter(pk=job_id).first()
        if job is None or job.state != JobState.DEAD or (job.kind == "SYNC" and _has_newer(job)):
            return False
        OutboxJob.objects.filter(pk=job_id).update(
            state=JobState.READY.value,
            run_at=Now(),
            rung_at=Now(),
            attempts=0,
            give_up_at=Now() + (job.give_up_at - job.created_at),
            lease_until=None,
            finished_at=None,
        )
        _settle_death(job_id, how="it is tried again")
        ring_after_commit(RUN_JOB, job_id)
        return True

    return transactions.run(work)


def _mine(job: OutboxJob) -> QuerySet[OutboxJob]:
    return OutboxJob.objects.filter(pk=job.pk, state=JobState.RUNNING.value, token=job.token)


def _end(job: OutboxJob, state: JobState, reason: str, *, external_id: str = "") -> bool:
    return bool(
        _mine(job).update(
            state=state.value,
            finished_at=Now(),
            lease_until=None,
            last_error=reason[:500],
            external_id=external_id[:255],
        )
    )


def _ring_waiting(job: OutboxJob) -> None:
    """Ring for the newer sync job that had to wait for this one."""
    if job.kind != JobKind.SYNC:
        return
    waiting = OutboxJob.objects.filter(
        kind=JobKind.SYNC.value,
        booking_id=job.booking_id,
        destination=job.destination,
        version__gt=job.version,
        state=JobState.READY.value,
    )
    for job_id in waiting.values_list("pk", flat=True):
        ring_after_commit(RUN_JOB, job_id)


def _extra(job: OutboxJob) -> dict[str, str]:
    return {
        "job_id": str(job.pk),
        "booking_id": str(job.booking_id),
        "provider": job.destination,
        "kind": job.message_kind,
    }


def _bury(job: OutboxJob, reason: str) -> bool:
    """End a claimed job as dead and call a person, in one transaction."""
    if not _end(job, JobState.DEAD, reason):
        return False
    logger.error("outbox job is dead: a person must look at it", extra=_extra(job))
    if job.is_required:
        what = job.message_kind or "sync"
        open_case(
            kind=CaseKind.INTEGRATION_DEAD,
            key=str(job.pk),
            subject=f"outbox job:{job.pk}",
            booking_id=job.booking_id,
            summary=f"{job.destination} {what} could not be done: {reason}"[:300],
            repair="replay_job",
            attempts=job.attempts,
        )
    return True


def _settle_death(job_id: UUID, *, how: str) -> None:
    settle_case(kind=CaseKind.INTEGRATION_DEAD, key=str(job_id), how=how)


def _say_lost(job: OutboxJob) -> bool:
    logger.warning("outbox job was taken over by another worker", extra=_extra(job))
    return False

"""One attempt at an outbox job: claimed under a lease, then done, put back, or ended.

A worker that lost its lease finds another token in the row, and changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case
from hmnp.core.doorbell import ring_after_commit
from integrations import due_jobs
from integrations.destinations import SHUT_SQL, TROUBLED_SQL
from integrations.leases import LEASE, retry_delay
from integrations.models import OutboxJob
from integrations.outbox import RUN_JOB, has_newer, start_anew
from integrations.states import JobKind, JobState

logger = logging.getLogger(__name__)


class _LeaseLost(Exception):
    """Another worker has claimed the job since; what was about to be written must not be."""


def claim(*, job_id: UUID) -> OutboxJob | None:
    """Take a due job for one attempt under a lease, or give None when it is not there to be taken.

    A sync job waits while an older one of its booking and destination is being done, and is over
    when a newer one exists. A job waits while its destination is paused or its breaker open, or as
    many go there as may at once: after a failure one, so that no hanging system takes every worker.
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
                  AND (SELECT count(*) FROM integrations_outboxjob AS other
                       WHERE other.destination = job.destination AND other.id <> job.id
                         AND other.state = 'RUNNING' AND other.lease_until >= clock_timestamp())
                      < CASE WHEN {TROUBLED_SQL} THEN 1 ELSE %s END
                FOR UPDATE SKIP LOCKED
            )
            UPDATE integrations_outboxjob AS job
            SET state = 'RUNNING', attempts = attempts + 1, token = gen_random_uuid(),
                lease_until = clock_timestamp() + make_interval(secs => %s), rung_at = NULL,
                -- Found running: its worker was lost, and nobody knows how far it came.
                unknown_outcomes = unknown_outcomes + (due.state = 'RUNNING')::int
            FROM due WHERE job.id = due.id
            """,  # noqa: S608 -- the only part put in is a constant
            [job_id, settings.OUTBOX_JOBS_AT_ONCE, LEASE.total_seconds()],
        )
        if cursor.rowcount == 0:
            return None
    job = OutboxJob.objects.get(pk=job_id)
    if job.kind == JobKind.SYNC and has_newer(job):
        _end(job, JobState.SUPERSEDED, "a newer version exists")
        _ring_waiting(job)
        return None
    if job.attempts > job.max_attempts:
        _bury(job, "its worker was lost at the last attempt")
        _ring_waiting(job)
        return None
    return job


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
        if OutboxJob.objects.filter(pk=job.pk, is_asked_again=True).exists():
            start_anew(job, how="it is done again")

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
    """Ring for what had to wait for this job: the next ones of its destination."""
    for job_id in due_jobs.take_next(destination=job.destination):
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


def _say_lost(job: OutboxJob) -> bool:
    logger.warning("outbox job was taken over by another worker", extra=_extra(job))
    return False

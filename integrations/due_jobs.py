"""Which outbox jobs are due, and for which of them the bell must ring again."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from hmnp.core import transactions
from integrations.destinations import SHUT_SQL
from integrations.models import OutboxJob
from integrations.states import JobState

# A bell that was not answered by then was lost, or every worker is busy.
RING_AGAIN = timedelta(seconds=10)


def due(*, limit: int = 200) -> list[UUID]:
    """Give the jobs that are due, the most urgent first, whether or not their bell has rung."""
    is_ready = Q(state=JobState.READY.value, run_at__lte=Now())
    is_lost = Q(state=JobState.RUNNING.value, lease_until__lt=Now())
    jobs = OutboxJob.objects.filter(is_ready | is_lost).order_by("priority", "run_at")
    return list(jobs.values_list("pk", flat=True)[:limit])


def take_unanswered(*, limit: int = 200) -> list[UUID]:
    """Give due jobs whose bell nobody answered, the most urgent first; note that it rings again.

    Jobs of a destination that is paused or broken are left in peace.
    """

    def work() -> list[UUID]:
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH unanswered AS (
                    SELECT id FROM integrations_outboxjob AS job
                    WHERE ((state = 'READY' AND run_at <= clock_timestamp())
                           OR (state = 'RUNNING' AND lease_until < clock_timestamp()))
                      AND (rung_at IS NULL
                           OR rung_at < clock_timestamp() - make_interval(secs => %s))
                      AND NOT {SHUT_SQL}
                    ORDER BY priority, run_at LIMIT %s
                    FOR UPDATE SKIP LOCKED
                )
                UPDATE integrations_outboxjob AS job SET rung_at = clock_timestamp()
                FROM unanswered WHERE job.id = unanswered.id
                RETURNING job.id, job.priority, job.run_at
                """,  # noqa: S608 -- the only part put in is a constant
                [RING_AGAIN.total_seconds(), limit],
            )
            rows = cursor.fetchall()
        return [job_id for job_id, *_ in sorted(rows, key=lambda row: row[1:])]

    return transactions.run(work)


def take_next(*, destination: str, limit: int = 2) -> list[UUID]:
    """Give the next due jobs of a destination that has room again, and note that they are rung."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH next AS (
                SELECT id FROM integrations_outboxjob AS job
                WHERE destination = %s AND state = 'READY' AND run_at <= clock_timestamp()
                  AND NOT {SHUT_SQL}
                ORDER BY priority, run_at LIMIT %s
                FOR UPDATE SKIP LOCKED
            )
            UPDATE integrations_outboxjob AS job SET rung_at = clock_timestamp()
            FROM next WHERE job.id = next.id
            RETURNING job.id
            """,  # noqa: S608 -- the only part put in is a constant
            [destination, limit],
        )
        return [row[0] for row in cursor.fetchall()]

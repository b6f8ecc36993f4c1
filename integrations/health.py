"""Readiness: are the outbox's jobs being done?"""

from __future__ import annotations

from datetime import timedelta

from django.db import connection

from hmnp.core import health

# Well past a lease, a sweep and a busy minute: no worker is taking jobs.
MAX_LAG = timedelta(minutes=5)


def register() -> None:
    """Add the outbox to `/readyz`."""
    health.register("outbox", check_outbox)


def check_outbox() -> str | None:
    """Say by how much the oldest due job is late, when that is more than `MAX_LAG`."""
    lag = outbox_lag()
    if lag <= MAX_LAG:
        return None
    return f"the oldest due job has waited {int(lag.total_seconds())} s"


def outbox_lag() -> timedelta:
    """Give how long the oldest due job has waited; a job that waits for its next try is not due."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT COALESCE(clock_timestamp() - min(since), interval '0') FROM (
                SELECT min(run_at) AS since FROM integrations_outboxjob
                WHERE state = 'READY' AND run_at <= clock_timestamp()
                UNION ALL
                SELECT min(lease_until) FROM integrations_outboxjob
                WHERE state = 'RUNNING' AND lease_until < clock_timestamp()) AS due
            """
        )
        row = cursor.fetchone()
    lag: timedelta = row[0]
    return max(lag, timedelta())

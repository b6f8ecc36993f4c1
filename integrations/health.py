"""Readiness: are the outbox's jobs being done?"""

from __future__ import annotations

from datetime import timedelta

from django.db import connection

from hmnp.core import health
from integrations.destinations import TROUBLED_SQL

# Well past a lease, a sweep and a busy minute: no worker is taking jobs.
MAX_LAG = timedelta(minutes=5)


def register() -> None:
    """Add the outbox to `/readyz`."""
    health.register("outbox", check_outbox)


def check_outbox() -> str | None:
    """Say by how much the oldest due job is late, when that is more than `MAX_LAG`.

    Jobs of a destination that is paused, or known to be in trouble, make no web server unready.
    """
    lag = outbox_lag(of_troubled=False)
    if lag <= MAX_LAG:
        return None
    return f"the oldest due job has waited {int(lag.total_seconds())} s"


def outbox_lag(*, of_troubled: bool = True) -> timedelta:
    """Give how long the oldest due job has waited; a job that waits for its next try is not due."""
    of_all = "" if of_troubled else f"AND NOT {TROUBLED_SQL}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT COALESCE(clock_timestamp() - min(since), interval '0') FROM (
                SELECT min(run_at) AS since FROM integrations_outboxjob AS job
                WHERE state = 'READY' AND run_at <= clock_timestamp() {of_all}
                UNION ALL
                SELECT min(lease_until) FROM integrations_outboxjob AS job
                WHERE state = 'RUNNING' AND lease_until < clock_timestamp() {of_all}) AS due
            """  # noqa: S608 -- the only part put in is a constant
        )
        row = cursor.fetchone()
    lag: timedelta = row[0]
    return max(lag, timedelta())

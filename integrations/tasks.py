"""What Celery runs: bells and sweeps. Arguments are ids only; due times live in the rows."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from hmnp.core import doorbell
from integrations import delivery, due_jobs, inbox, leases, outbox, processing


@shared_task(
    name=outbox.RUN_JOB,
    soft_time_limit=leases.TASK_SOFT_LIMIT_SECONDS,
    time_limit=leases.TASK_HARD_LIMIT_SECONDS,
)
def run_job(job_id: str) -> None:
    """Answer an outbox job's bell."""
    delivery.attempt(job_id=UUID(job_id))


@shared_task(name="integrations.sweep_outbox")
def sweep_outbox() -> int:
    """Ring for due jobs whose bell was lost or whose worker died; give how many."""
    job_ids = due_jobs.take_unanswered()
    for job_id in job_ids:
        doorbell.ring(outbox.RUN_JOB, job_id)
    return len(job_ids)


@shared_task(
    name=inbox.PROCESS_EVENT,
    soft_time_limit=leases.TASK_SOFT_LIMIT_SECONDS,
    time_limit=leases.TASK_HARD_LIMIT_SECONDS,
)
def process_event(inbox_id: str) -> None:
    """Act on one stored webhook event."""
    processing.process(inbox_id=UUID(inbox_id))


@shared_task(name="integrations.sweep_inbox")
def sweep_inbox() -> int:
    """Ring for due webhook events: missed bells, parked ones, dead workers; give how many."""
    inbox_ids = inbox.due()
    for inbox_id in inbox_ids:
        doorbell.ring(inbox.PROCESS_EVENT, inbox_id)
    return len(inbox_ids)

"""What Celery runs: bells and sweeps. Arguments are ids only; due times live in the rows."""

from __future__ import annotations

import logging
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from hmnp.core import doorbell
from integrations import (
    delivery,
    destinations,
    due_jobs,
    inbox,
    leases,
    outbox,
    processing,
    reconciliation,
    reminders,
)
from integrations.connectors import POLLERS, RECONCILERS
from integrations.errors import ConnectorError, Postponed
from integrations.states import Destination

logger = logging.getLogger(__name__)


@shared_task(
    name=outbox.RUN_JOB,
    soft_time_limit=leases.TASK_SOFT_LIMIT_SECONDS,
    time_limit=leases.TASK_HARD_LIMIT_SECONDS,
)
def run_job(job_id: str, *others: str) -> None:
    """Answer an outbox job's bell; what was rung for together is done side by side."""
    for other in others:
        doorbell.ring(outbox.RUN_JOB, UUID(other))
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


@shared_task(name="integrations.send_reminders")
def send_reminders() -> int:
    """Write the reminders, links and review requests that are due; give how many."""
    return reminders.write_due(now=timezone.now())


@shared_task(name="integrations.poll")
def poll(destination: str) -> int:
    """Learn what changed at one destination and no webhook told; give how much.

    One that is paused, broken or not used is left in peace until the next time.
    """
    place = Destination(destination)
    if destination in settings.INTEGRATIONS_OFF or destinations.is_shut(destination=place):
        return 0
    try:
        found = POLLERS[place](now=timezone.now())
    except Postponed as later:
        logger.info("poll of %s put off: %s", destination, later.reason)
        return 0
    except ConnectorError as error:
        logger.warning("poll of %s failed: %s", destination, error.reason)
        destinations.record_failure(destination=place)
        return 0
    destinations.record_success(destination=place)
    return found


@shared_task(name="integrations.reconcile", soft_time_limit=600, time_limit=660)
def reconcile() -> int:
    """Compare every outside system with the bookings and put right what differs; give how much."""
    found = 0
    for destination, differences in RECONCILERS.items():
        if destination.value in settings.INTEGRATIONS_OFF:
            continue
        try:
            for difference in differences(now=timezone.now()):
                reconciliation.repair(difference=difference)
                found += 1
        except (ConnectorError, Postponed) as problem:
            logger.warning("%s could not be compared: %s", destination.value, problem.reason)
    return found

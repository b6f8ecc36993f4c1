"""One attempt at one outbox job: claim it, let its connector do it, write what came of it."""

from __future__ import annotations

import logging
import traceback
from datetime import timedelta
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded

from bookings import timeline
from bookings.models import Booking
from bookings.states import TimelineAction
from hmnp.core import transactions
from hmnp.core.context import Actor, ActorType
from hmnp.core.crashpoints import crashpoint
from hmnp.core.request_id import working_on
from integrations import attempts, budgets, destinations
from integrations.connectors import CONNECTORS
from integrations.errors import ConnectorError, NoLongerWanted, Postponed
from integrations.models import OutboxJob
from integrations.receipts import Receipt
from integrations.states import Destination, JobKind

logger = logging.getLogger(__name__)


def attempt(*, job_id: UUID) -> None:
    """Do a due job once; a job that is not due, or is being done, is left alone.

    The connector runs with no transaction open. Whatever it raises ends in the job's row.
    """
    job = attempts.claim(job_id=job_id)
    if job is None:
        return
    crashpoint("outbox.claimed")
    with working_on(job.request_id):
        destination = Destination(job.destination)
        try:
            with budgets.for_one_job(destination=destination):
                receipt = CONNECTORS[destination](job, transactions.database_now())
        except NoLongerWanted as refusal:
            attempts.supersede(job=job, reason=refusal.reason)
        except Postponed as later:
            attempts.postpone(job=job, reason=later.reason, delay=later.delay)
        except ConnectorError as error:
            _log(job, error.reason)
            _failed(job, destination, error)
        except (Exception, SoftTimeLimitExceeded) as error:
            # A mistake of ours, or no time left. Its text may name people, where it broke does not.
            _log(job, where(error))
            attempts.fail(job=job, reason=where(error), permanent=False, is_outcome_unknown=True)
        else:
            crashpoint("outbox.sent")
            destinations.record_success(destination=destination)
            attempts.succeed(
                job=job,
                external_id=receipt.external_id,
                alongside=lambda: _tell_timeline(job, receipt),
            )


def _failed(job: OutboxJob, destination: Destination, error: ConnectorError) -> None:
    if error.are_credentials_refused:
        # Trying on would lose every job of the destination to one wrong key.
        destinations.pause(
            destination=destination, by=destinations.SYSTEM, reason=f"it {error.reason}"
        )
        attempts.postpone(job=job, reason=error.reason, delay=timedelta())
        return
    if error.permanent:
        destinations.record_success(destination=destination)
    else:
        destinations.record_failure(destination=destination)
    attempts.fail(
        job=job,
        reason=error.reason,
        permanent=error.permanent,
        is_outcome_unknown=error.is_outcome_unknown,
        not_before=error.retry_after,
    )


def where(error: BaseException) -> str:
    """Give an error's type and the line it came from, without its text."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def _tell_timeline(job: OutboxJob, receipt: Receipt) -> None:
    is_message = job.kind == JobKind.MESSAGE
    timeline.record(
        booking=Booking.objects.only("id").get(pk=job.booking_id),
        action=TimelineAction.MESSAGE_SENT if is_message else TimelineAction.INTEGRATION_SYNCED,
        actor=Actor(type=ActorType.SYSTEM, request_id=job.request_id),
        now=transactions.database_now(),
        metadata=receipt.note,
    )


def _log(job: OutboxJob, reason: str) -> None:
    logger.warning(
        "outbox attempt %d failed: %s",
        job.attempts,
        reason,
        extra={
            "job_id": str(job.pk),
            "booking_id": str(job.booking_id),
            "provider": job.destination,
            "kind": job.message_kind,
        },
    )

"""How an outbox job comes to be: written with its fact, or started anew.

`attempts` does it, `due_jobs` notes when its bell was rung; nothing else writes the table. All
times are the database's, so that no host's clock decides who holds a lease. Nothing here touches
the network but the doorbell, which rings after the commit and may be lost.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from hmnp.core import transactions
from hmnp.core.cases import CaseKind, settle_case
from hmnp.core.doorbell import ring_after_commit
from hmnp.core.request_id import current_request_id
from hmnp.core.rows import How, Rows
from integrations.models import OutboxJob
from integrations.states import Destination, JobKind, JobState, MessageKind

RUN_JOB = "integrations.run_job"
# The times that `_due` gives as expressions, in words of their own.
_FIRST = How(
    computed=(
        ("run_at", "statement_timestamp()"),
        ("created_at", "statement_timestamp()"),
        ("rung_at", "statement_timestamp()"),
        ("give_up_at", "statement_timestamp() + r.give_up_after"),
    ),
    keeps_twins=True,
)


@dataclass(frozen=True)
class Policy:
    """How hard to try before a person is called, and which of several due jobs goes first."""

    max_attempts: int
    give_up_after: timedelta
    priority: int = 1
    is_required: bool = True


# With the back-off of `leases`: a dozen tries in the first six hours, then hourly for three days.
MESSAGE_POLICY = Policy(max_attempts=90, give_up_after=timedelta(hours=72))


def message(
    *,
    destination: Destination,
    booking_id: UUID,
    version: int,
    message_kind: MessageKind,
    recipient: str,
    occurrence_id: str = "",
    policy: Policy = MESSAGE_POLICY,
) -> OutboxJob:
    """Give a message job for `write`; a twin that exists already is kept."""
    job = OutboxJob(
        kind=JobKind.MESSAGE.value,
        destination=destination.value,
        booking_id=booking_id,
        version=version,
        message_kind=message_kind.value,
        recipient=recipient,
        occurrence_id=occurrence_id,
    )
    return _due(job, policy=policy)


def sync(*, destination: Destination, booking_id: UUID, version: int, policy: Policy) -> OutboxJob:
    """Give a sync job for `write`; older ones that are not running are over then.

    Asked for again at the same version, it is done again: something beside the booking changed.
    """
    job = OutboxJob(
        kind=JobKind.SYNC.value,
        destination=destination.value,
        booking_id=booking_id,
        version=version,
    )
    return _due(job, policy=policy)


def write(jobs: Sequence[OutboxJob]) -> None:
    """Write jobs in the caller's transaction, together, and ring for them after it."""
    new = _make_way([job for job in jobs if job.kind == JobKind.SYNC])
    new += [job for job in jobs if job.kind == JobKind.MESSAGE]
    if not new:
        return
    OutboxJob.objects.bulk_create(new, ignore_conflicts=True)
    ring_after_commit(RUN_JOB, *(job.id for job in new))


def write_with(jobs: Sequence[OutboxJob], *, rows: Rows) -> None:
    """Let the first jobs of a booking be written with it, and ring for them after the commit."""
    if not jobs:
        return
    for job in jobs:
        rows.add(job, how=_FIRST)
    ring_after_commit(RUN_JOB, *(job.id for job in jobs))


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
    """Write one `message`."""
    job = message(
        destination=destination,
        booking_id=booking_id,
        version=version,
        message_kind=message_kind,
        recipient=recipient,
        occurrence_id=occurrence_id,
        policy=policy,
    )
    write([job])


def enqueue_sync(
    *, destination: Destination, booking_id: UUID, version: int, policy: Policy
) -> None:
    """Write one `sync`."""
    write([sync(destination=destination, booking_id=booking_id, version=version, policy=policy)])


def _make_way(jobs: Sequence[OutboxJob]) -> list[OutboxJob]:
    """End the sync jobs that these supersede; give those that have no twin yet."""
    if not jobs:
        return []
    is_over = Q(state__in=[JobState.READY.value, JobState.DEAD.value])
    concerned = Q()
    for job in jobs:
        ages = Q(version=job.version) | Q(is_over, version__lt=job.version)
        concerned |= Q(ages, booking_id=job.booking_id, destination=job.destination)
    # Expressly in one order: two facts may concern the same destinations.
    rows = list(
        OutboxJob.objects.select_for_update()
        .filter(concerned, kind=JobKind.SYNC.value)
        .order_by("booking_id", "destination", "version")
    )
    twins = {(row.booking_id, row.destination, row.version): row for row in rows}
    wanted = {(job.booking_id, job.destination, job.version) for job in jobs}
    older = [row for key, row in twins.items() if key not in wanted]
    for row in older:
        if row.state == JobState.DEAD:
            settle_death(row.pk, how="a newer version is on its way")
    if older:
        OutboxJob.objects.filter(pk__in=[row.pk for row in older]).update(
            state=JobState.SUPERSEDED.value, finished_at=Now(), last_error="a newer version exists"
        )
    new = []
    for job in jobs:
        twin = twins.get((job.booking_id, job.destination, job.version))
        if twin is None:
            new.append(job)
        elif twin.state == JobState.RUNNING:
            OutboxJob.objects.filter(pk=twin.pk).update(is_asked_again=True)
        elif twin.state != JobState.READY:
            start_anew(twin, how="it is asked for again")
    return new


def _due(job: OutboxJob, *, policy: Policy) -> OutboxJob:
    job.id = uuid.uuid4()
    job.max_attempts = policy.max_attempts
    job.priority = policy.priority
    job.is_required = policy.is_required
    # Expressions, not values: the database's clock fills them in.
    now: Any = Now()
    job.run_at = job.created_at = job.rung_at = now
    job.give_up_after = policy.give_up_after
    job.give_up_at = now + policy.give_up_after
    job.request_id = current_request_id()[:64]
    return job


def replay(*, job_id: UUID) -> bool:
    """Start a dead job anew, with all its attempts. Gives False when it is not dead (any more)."""

    def work() -> bool:
        job = OutboxJob.objects.select_for_update().filter(pk=job_id).first()
        if job is None or job.state != JobState.DEAD or (job.kind == "SYNC" and has_newer(job)):
            return False
        start_anew(job, how="it is tried again")
        return True

    return transactions.run(work)


def start_anew(job: OutboxJob, *, how: str) -> None:
    """Make an ended job due, with all its attempts, in the caller's transaction."""
    OutboxJob.objects.filter(pk=job.pk).update(
        state=JobState.READY.value,
        run_at=Now(),
        rung_at=Now(),
        attempts=0,
        give_up_at=Now() + job.give_up_after,
        lease_until=None,
        finished_at=None,
        is_asked_again=False,
    )
    settle_death(job.pk, how=how)
    ring_after_commit(RUN_JOB, job.pk)


def has_newer(job: OutboxJob) -> bool:
    """Tell whether a newer sync job of the same booking and destination exists."""
    return OutboxJob.objects.filter(
        kind=JobKind.SYNC.value,
        booking_id=job.booking_id,
        destination=job.destination,
        version__gt=job.version,
    ).exists()


def settle_death(job_id: UUID, *, how: str) -> None:
    """Close the case of a dead job, if one is open, in the caller's transaction."""
    settle_case(kind=CaseKind.INTEGRATION_DEAD, key=str(job_id), how=how)

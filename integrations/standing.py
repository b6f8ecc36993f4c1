"""How things stand outside: each destination's queue, and what each system holds for a booking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from integrations.models import DestinationState, ExternalRef, OutboxJob
from integrations.states import Destination, JobKind, JobState

# A job that is due for longer than this is overdue: a killed worker's is taken up sooner.
OVERDUE_AFTER = timedelta(seconds=60)


@dataclass(frozen=True)
class Queue:
    """One destination's jobs by state, and why they wait if they do; `done` is of a day."""

    destination: Destination
    due: int
    overdue: int
    waiting: int
    running: int
    dead: int
    done: int
    lag: timedelta
    failures: int = 0
    open_until: datetime | None = None
    paused_at: datetime | None = None
    paused_by: str = ""
    pause_reason: str = ""

    @property
    def is_settled(self) -> bool:
        """Nothing is under way or will be."""
        return not (self.due or self.waiting or self.running)

    @property
    def trouble(self) -> str:
        """Say in plain words why its jobs wait; empty when nothing is in their way."""
        if self.paused_at is not None:
            return f"paused by {self.paused_by}: {self.pause_reason}"
        if self.open_until is not None:
            return f"{self.failures} failures in a row: one try a minute"
        if self.failures:
            return f"{self.failures} failures in a row: one job at a time"
        return ""


def queues() -> list[Queue]:
    """Give every destination's queue, in one statement and the rows of their states."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT destination,
                count(*) FILTER (WHERE is_due),
                count(*) FILTER (WHERE is_due
                    AND since < clock_timestamp() - make_interval(secs => %s)),
                count(*) FILTER (WHERE state = 'READY' AND NOT is_due),
                count(*) FILTER (WHERE state = 'RUNNING' AND NOT is_due),
                count(*) FILTER (WHERE state = 'DEAD'),
                count(*) FILTER (WHERE state = 'SUCCEEDED'),
                coalesce(clock_timestamp() - min(since) FILTER (WHERE is_due), interval '0')
            FROM (
                SELECT destination, state, since,
                    state IN ('READY', 'RUNNING') AND since <= clock_timestamp() AS is_due
                FROM (
                    SELECT destination, state, run_at AS since
                    FROM integrations_outboxjob WHERE state = 'READY'
                    UNION ALL
                    SELECT destination, state, run_at
                    FROM integrations_outboxjob WHERE state = 'DEAD'
                    UNION ALL
                    SELECT destination, state, lease_until
                    FROM integrations_outboxjob WHERE state = 'RUNNING'
                    UNION ALL
                    SELECT destination, state, NULL FROM integrations_outboxjob
                    WHERE state = 'SUCCEEDED' AND finished_at >= now() - interval '1 day'
                ) AS jobs) AS dated
            GROUP BY destination
            """,
            [OVERDUE_AFTER.total_seconds()],
        )
        counts = {row[0]: row[1:] for row in cursor.fetchall()}
    states = {state.name: state for state in DestinationState.objects.all()}
    return [
        _queue(destination, counts.get(destination.value), states.get(destination.value))
        for destination in Destination
    ]


def _queue(
    destination: Destination, counts: tuple[object, ...] | None, state: DestinationState | None
) -> Queue:
    due, overdue, waiting, running, dead, done, lag = counts or (0, 0, 0, 0, 0, 0, timedelta())
    queue = Queue(destination, due, overdue, waiting, running, dead, done, lag)  # type: ignore[arg-type]  # the statement's own types
    if state is None:
        return queue
    return replace(
        queue,
        failures=state.failures,
        open_until=state.open_until,
        paused_at=state.paused_at,
        paused_by=state.paused_by,
        pause_reason=state.pause_reason,
    )


@dataclass(frozen=True)
class Lag:
    """What is not done yet for one destination: how much, and since when the oldest is due."""

    destination: Destination
    due: int
    overdue: int
    dead: int
    lag: timedelta
    is_paused: bool

    @property
    def is_well(self) -> bool:
        """Nobody need look."""
        return not (self.overdue or self.dead or self.is_paused)


def lags() -> list[Lag]:
    """Give every destination's unfinished jobs in one statement; the done ones are not read."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT destination.name, count(jobs.since) FILTER (WHERE NOT is_dead),
                count(jobs.since) FILTER (WHERE NOT is_dead
                    AND jobs.since < clock_timestamp() - make_interval(secs => %s)),
                count(jobs.since) FILTER (WHERE is_dead),
                coalesce(clock_timestamp() - min(jobs.since) FILTER (WHERE NOT is_dead),
                         interval '0'),
                coalesce(bool_or(state.paused_at IS NOT NULL), false)
            FROM unnest(%s::text[]) AS destination(name)
            LEFT JOIN integrations_destinationstate AS state ON state.name = destination.name
            LEFT JOIN (
                SELECT destination, run_at AS since, false AS is_dead
                FROM integrations_outboxjob WHERE state = 'READY' AND run_at <= clock_timestamp()
                UNION ALL
                SELECT destination, lease_until, false
                FROM integrations_outboxjob
                WHERE state = 'RUNNING' AND lease_until <= clock_timestamp()
                UNION ALL
                SELECT destination, finished_at, true
                FROM integrations_outboxjob WHERE state = 'DEAD') AS jobs
              ON jobs.destination = destination.name
            GROUP BY destination.name
            """,
            [OVERDUE_AFTER.total_seconds(), [one.value for one in Destination]],
        )
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
    return [Lag(destination, *rows[destination.value]) for destination in Destination]


@dataclass(frozen=True)
class Held:
    """What one system holds for a booking, and how its last sync job went."""

    destination: Destination
    job: OutboxJob | None
    refs: list[ExternalRef] = field(default_factory=list)

    @property
    def is_current(self) -> bool:
        """The newest job is done: the outside shows the booking as it is."""
        return self.job is not None and self.job.state == JobState.SUCCEEDED

    @property
    def next_try_at(self) -> datetime | None:
        """When it is tried again, if it is."""
        waits = self.job is not None and self.job.state == JobState.READY
        return self.job.run_at if waits and self.job else None


def held_for(*, booking_id: UUID) -> list[Held]:
    """Give what every system holds for a booking: those with a sync job or a reference."""
    newest: dict[str, OutboxJob] = {}
    jobs = OutboxJob.objects.filter(booking_id=booking_id, kind=JobKind.SYNC.value)
    for job in jobs.order_by("version"):
        newest[job.destination] = job
    refs: dict[str, list[ExternalRef]] = {}
    for ref in ExternalRef.objects.filter(booking_id=booking_id).order_by("kind", "pk"):
        refs.setdefault(ref.system, []).append(ref)
    return [
        Held(destination, newest.get(destination.value), refs.get(destination.value, []))
        for destination in Destination
        if destination.value in newest or destination.value in refs
    ]


def messages_for(*, booking_id: UUID) -> Iterable[OutboxJob]:
    """Give a booking's message jobs, newest first."""
    return OutboxJob.objects.filter(booking_id=booking_id, kind=JobKind.MESSAGE.value)

"""The whole import, step by step; killed anywhere and run again, it goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from hmnp.rollout.importing.booking_chunks import Step, import_bookings
from hmnp.rollout.importing.changes import follow_changes
from hmnp.rollout.importing.fates import RowFate, settle_rows, waiting
from hmnp.rollout.importing.people_and_catalogue import import_small_tables
from hmnp.rollout.importing.sources import Source
from hmnp.rollout.importing.staging import Staged, stage
from hmnp.rollout.importing.workers import WORKERS_LOCK, import_in_parts
from hmnp.rollout.models import V1Row
from hmnp.rollout.states import RowState, Table
from hmnp.rollout.v1 import context as contexts

# Any number, as long as nobody else uses it.
LOCK = 8_261_124

Progress = Callable[[str, int, int], None]


class AnotherImportRuns(Exception):
    """Two at a time would only wait for each other."""


@dataclass
class Run:
    """What one run did, and the seconds it took: in bulk, and those to come, one by one."""

    staged: Staged = field(default_factory=Staged)
    bulk: int = 0
    bulk_seconds: float = 0
    live: int = 0
    live_seconds: float = 0
    followed: int = 0

    @property
    def bookings(self) -> int:
        """How many were dealt with."""
        return self.bulk + self.live

    def add(self, step: Step, seconds: float) -> None:
        """Count a step."""
        if step.is_bulk:
            self.bulk += step.count
            self.bulk_seconds += seconds
        else:
            self.live += step.count
            self.live_seconds += seconds


@contextmanager
def alone() -> Iterator[None]:
    """Let one import run at a time, also beside what a killed one has left running.

    Raises `AnotherImportRuns`.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise AnotherImportRuns
        try:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [WORKERS_LOCK])
            if not cursor.fetchone()[0]:
                raise AnotherImportRuns
            cursor.execute("SELECT pg_advisory_unlock(%s)", [WORKERS_LOCK])
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def import_all(*, source: Source, now: datetime, progress: Progress, jobs: int = 1) -> Run:
    """Stage everything and take it over. Raises `AnotherImportRuns` and what the source raises.

    What was refused before is looked at again: what it lacked may be there by now.
    """
    run = Run()
    with alone():
        for _ in stage(rows=source.rows(), now=now, staged=run.staged):
            progress("reading", round(source.progress() * 1000), 1000)
        V1Row.objects.filter(state=RowState.REJECTED.value).update(state=RowState.PENDING.value)
        take_over(now=now, run=run, progress=progress, jobs=jobs)
    return run


def take_over(*, now: datetime, run: Run, progress: Progress, jobs: int) -> None:
    """Take over what is staged, what is over in `jobs` processes."""
    context = contexts.load(now=now)
    import_small_tables(context=context)
    began = time.monotonic()
    parts = import_in_parts(jobs=jobs, now=now, progress=progress)
    run.add(Step(parts, is_bulk=True), time.monotonic() - began)
    total = parts + waiting(Table.BOOKING).count()
    began = time.monotonic()
    for step in import_bookings(context=context):
        run.add(step, time.monotonic() - began)
        progress("bookings", run.bookings, total)
        began = time.monotonic()
    run.followed = follow_changes(now=now, progress=progress)
    _refuse_orphans()


def _refuse_orphans() -> None:
    """Refuse payments whose booking is not here, or was refused."""
    settle_rows(
        RowFate(pk, RowState.REJECTED, reason="its booking is not here")
        for pk in waiting(Table.PAYMENT).values_list("pk", flat=True)
    )

"""How many calls an outside system may get, over all workers: a token bucket in the database.

In any window of w seconds at most `burst + w * per_second` calls are made.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import F
from django.db.models.functions import Least

from integrations.errors import Postponed
from integrations.models import DestinationState
from integrations.states import Destination


@dataclass(frozen=True)
class Budget:
    """How many at once, and how many a second after that.

    `per_job` are set aside before a job begins: one that ran out half-way would have to begin
    again, and where many wait, all of them would.
    """

    burst: int
    per_second: float
    per_job: int


BUDGETS: dict[Destination, Budget] = {
    # 100 calls in 10 seconds, by the documented limits of its OAuth apps.
    Destination.GHL: Budget(burst=50, per_second=5.0, per_job=10),
}


# What is set aside for the job this thread is doing.
_aside = threading.local()


@contextmanager
def for_one_job(*, destination: Destination) -> Iterator[None]:
    """Set the calls of one job aside, outside any transaction; what is left goes back.

    Raises `Postponed` when there are not enough.
    """
    budget = BUDGETS.get(destination)
    if budget is None:
        yield
        return
    _draw(destination, budget, calls=budget.per_job)
    _aside.calls = budget.per_job
    try:
        yield
    finally:
        left, _aside.calls = _aside.calls, 0
        if left:
            DestinationState.objects.filter(name=destination.value).update(
                tokens=Least(float(budget.burst), F("tokens") + left)
            )


def take(*, destination: Destination) -> None:
    """Take one call from what is set aside, else from the destination's budget.

    Raises `Postponed` when it is spent.
    """
    budget = BUDGETS.get(destination)
    if budget is None:
        return
    if getattr(_aside, "calls", 0):
        _aside.calls -= 1
        return
    _draw(destination, budget, calls=1)


def _draw(destination: Destination, budget: Budget, *, calls: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO integrations_destinationstate AS state
                (name, failures, paused_by, pause_reason, tokens, refilled_at)
            VALUES (%(name)s, 0, '', '', %(burst)s - %(calls)s, clock_timestamp())
            ON CONFLICT (name) DO UPDATE
            SET tokens = least(%(burst)s, state.tokens + %(rate)s * coalesce(extract(
                    epoch FROM clock_timestamp() - state.refilled_at), %(burst)s)) - %(calls)s,
                refilled_at = clock_timestamp()
            WHERE least(%(burst)s, state.tokens + %(rate)s * coalesce(extract(
                    epoch FROM clock_timestamp() - state.refilled_at), %(burst)s)) >= %(calls)s
            """,
            {
                "name": destination.value,
                "burst": budget.burst,
                "rate": budget.per_second,
                "calls": calls,
            },
        )
        if cursor.rowcount:
            return
    seconds = random.uniform(1.0, 5.0)  # noqa: S311 -- spreads the waiting, hides nothing
    raise Postponed("its rate budget is spent", delay=timedelta(seconds=seconds))

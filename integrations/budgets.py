"""How many calls an outside system may get, over all workers: a token bucket in the database.

In any window of w seconds at most `burst + w * per_second` calls are made.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection

from integrations.errors import Postponed
from integrations.states import Destination


@dataclass(frozen=True)
class Budget:
    burst: int
    per_second: float


BUDGETS: dict[Destination, Budget] = {
    # 100 calls in 10 seconds, by the documented limits of its OAuth apps.
    Destination.GHL: Budget(burst=50, per_second=5.0),
}


def take(*, destination: Destination) -> None:
    """Take one call from the destination's budget, outside any transaction.

    Raises `Postponed` when it is spent.
    """
    budget = BUDGETS.get(destination)
    if budget is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO integrations_destinationstate AS state
                (name, failures, paused_by, pause_reason, tokens, refilled_at)
            VALUES (%(name)s, 0, '', '', %(burst)s - 1, clock_timestamp())
            ON CONFLICT (name) DO UPDATE
            SET tokens = least(%(burst)s, state.tokens + %(rate)s * coalesce(extract(
                    epoch FROM clock_timestamp() - state.refilled_at), %(burst)s)) - 1,
                refilled_at = clock_timestamp()
            WHERE least(%(burst)s, state.tokens + %(rate)s * coalesce(extract(
                    epoch FROM clock_timestamp() - state.refilled_at), %(burst)s)) >= 1
            """,
            {"name": destination.value, "burst": budget.burst, "rate": budget.per_second},
        )
        if cursor.rowcount:
            return
    seconds = random.uniform(1.0, 5.0)  # noqa: S311 -- spreads the waiting, hides nothing
    raise Postponed("its rate budget is spent", delay=timedelta(seconds=seconds))

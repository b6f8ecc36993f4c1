"""How long a worker may take, and how long a failure waits: for the outbox and the inbox alike."""

from __future__ import annotations

import random
from datetime import timedelta

# A killed worker's job is due again after its lease and rung within one sweep: under a minute.
# The task's own hard limit is shorter, so no living worker outlasts its lease.
LEASE = timedelta(seconds=45)
TASK_SOFT_LIMIT_SECONDS = 30
TASK_HARD_LIMIT_SECONDS = 40
_FIRST_DELAY_SECONDS = 5
_LONGEST_DELAY_SECONDS = 3600


def retry_delay(*, attempts: int) -> timedelta:
    """Give how long to wait after the `attempts`th attempt failed: doubling, jittered, capped."""
    # The exponent is capped too: 2**90 seconds is no time at all.
    seconds = min(_FIRST_DELAY_SECONDS * 2 ** min(attempts - 1, 16), _LONGEST_DELAY_SECONDS)
    jitter = random.uniform(0.8, 1.0)  # noqa: S311 -- spreads retries, hides nothing
    return timedelta(seconds=seconds * jitter)

"""When a row that could not be finished is looked at again. Pure."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

_FIRST = timedelta(seconds=10)
_LONGEST = timedelta(hours=1)


def next_try(
    *, now: datetime, attempts: int, first: timedelta = _FIRST, longest: timedelta = _LONGEST
) -> datetime:
    """Give the time of the next try after `attempts` vain ones: doubling, with some jitter."""
    wait: timedelta = min(first * 2 ** min(attempts, 16), longest)
    # Jitter, not secrecy: rows that failed together must not come back together.
    return now + wait * random.uniform(1.0, 1.25)  # noqa: S311 -- see above

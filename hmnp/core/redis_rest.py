"""Whether Redis is worth asking: after it failed it is left alone for a while.

Each try may cost a time-out, and nobody here needs Redis to be right, only to be fast.
"""

from __future__ import annotations

import logging
import time

from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

from hmnp.core import tally

logger = logging.getLogger(__name__)

# What a call to Redis may raise when Redis is away, slow or out of memory.
FAILURES = (ConnectionInterrupted, RedisError, OSError)
REST_SECONDS = 5.0

_asked_again_at = 0.0


def is_resting() -> bool:
    """Tell whether Redis has failed a moment ago."""
    return time.monotonic() < _asked_again_at


def rest() -> None:
    """Ask Redis no more for a while."""
    global _asked_again_at  # noqa: PLW0603 -- one Redis, one state of this process
    logger.error("Redis does not answer: nothing is kept, and each server limits on its own")
    tally.count("limits", "redis", "silent")
    _asked_again_at = time.monotonic() + REST_SECONDS

"""The one way an action opens its transaction: outermost, durable, short, retried whole."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from django.db import OperationalError, connection, transaction

from hmnp.core.errors import ServiceUnavailable

T = TypeVar("T")

DEADLOCK_DETECTED = "40P01"
SERIALIZATION_FAILURE = "40001"
LOCK_NOT_AVAILABLE = "55P03"
EXCLUSION_VIOLATION = "23P01"
UNIQUE_VIOLATION = "23505"

_TRIES = 5
_LOCK_TRIES = 2


def sqlstate(error: BaseException) -> str | None:
    """Give PostgreSQL's SQLSTATE behind a Django database error, if it has one."""
    state = getattr(error.__cause__, "sqlstate", None)
    return state if isinstance(state, str) else None


class RollBackAndRetry(Exception):
    """What was read before the locks is no longer so: undo everything and run again."""


def run(work: Callable[[], T]) -> T:
    """Run `work` in one durable transaction and give its result.

    A deadlock, a serialization failure and `RollBackAndRetry` run it again from the start, a
    lock that could not be had in time once more; then `ServiceUnavailable`. `work` must therefore
    have no effect outside the database.
    """
    lock_failures = 0
    for attempt in range(_TRIES):
        try:
            with transaction.atomic(durable=True):
                return work()
        except RollBackAndRetry:
            pass
        except OperationalError as error:
            state = sqlstate(error)
            if state == LOCK_NOT_AVAILABLE:
                lock_failures += 1
                if lock_failures >= _LOCK_TRIES:
                    break
            elif state not in (DEADLOCK_DETECTED, SERIALIZATION_FAILURE):
                raise
        # Jitter, not secrecy: two victims of one deadlock must not meet again.
        time.sleep(random.uniform(0.005, 0.02) * 2**attempt)  # noqa: S311 -- see above
    raise ServiceUnavailable(retry_after=2)


def database_now() -> datetime:
    """Give the database's clock as it runs, not as it was when the transaction began."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    now: datetime = row[0]
    return now

"""Several processes for what is over: while one plans, the database writes another's.

They take only bookings that take no time any more; those to come are left to the parent, one after
the other, since they must see each other. What a worker could not do, the parent does afterwards.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import connection

from bookings.travel_time import drive_minutes
from hmnp.rollout.importing.booking_chunks import CHUNK, import_ended_part
from hmnp.rollout.importing.fates import waiting
from hmnp.rollout.states import Table
from hmnp.rollout.v1 import context as contexts

logger = logging.getLogger(__name__)

# Shared by the workers; any number that nobody else uses.
WORKERS_LOCK = 8_261_125
# Below this a second process costs more than it brings.
_LEAST = 4 * CHUNK
_ANY_DRIVE = ("77591", "77573")
# What a child inherits and must neither use nor close: it is the parent's.
_inherited: list[Any] = []


def import_in_parts(*, jobs: int, now: datetime, progress: Callable[[str, int, int], None]) -> int:
    """Take over what is over in `jobs` processes, and give how many bookings that were."""
    total = waiting(Table.BOOKING).count()
    if jobs < 2 or total < _LEAST or not hasattr(os, "fork"):
        return 0
    # Read once, here, for all of them.
    drive_minutes(*_ANY_DRIVE)
    children = [_fork(part, jobs, now) for part in range(jobs)]
    while children:
        children = [pid for pid in children if os.waitpid(pid, os.WNOHANG) == (0, 0)]
        progress("bookings", total - waiting(Table.BOOKING).count(), total)
        time.sleep(0.2 if children else 0)
    return total - waiting(Table.BOOKING).count()


def _fork(part: int, jobs: int, now: datetime) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _work(part, jobs, parent, now)
        code = 0
    except BaseException:
        logger.exception("a part of the import was not done; the rest is done without it")
    finally:
        # Nothing of the parent's is tidied up on the way out.
        os._exit(code)


def _work(part: int, jobs: int, parent: int, now: datetime) -> None:
    _inherited.append(connection.connection)
    connection.connection = None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s)", [WORKERS_LOCK])
    context = contexts.load(now=now)
    mine = waiting(Table.BOOKING).extra(where=["id %% %s = %s"], params=[jobs, part])
    after = 0
    # Whose parent was killed stops, so that the import can be begun again.
    while os.getppid() == parent and (chunk := list(mine.filter(pk__gt=after)[:CHUNK])):
        after = chunk[-1].pk
        import_ended_part(chunk, context=context)

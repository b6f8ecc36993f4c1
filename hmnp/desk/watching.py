"""Who watches: a task that beat rings for, and, when that stays away, every web process.

Beat cannot notice its own death, and without Redis no task runs at all; the thread that sends a
web process's figures on looks after both.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from hmnp.core import tally
from hmnp.desk import metric_store
from hmnp.desk.alert_measures import BEAT, HEART
from hmnp.desk.alert_notices import send_due
from hmnp.desk.alert_watch import evaluate
from hmnp.desk.metric_minutes import ALIVE, UP
from hmnp.desk.models import Reading

_WATCH = "watch"
_ALL = "all"
# Two tasks that were rung for at once do not measure twice in a row.
_TASK_EVERY = timedelta(seconds=15)
# Beat rings every 30 s; three times without is a reason to look oneself.
_WITHOUT_BEAT_AFTER = timedelta(seconds=100)


def watch_by_beat(*, now: datetime) -> bool:
    """Note that beat rang and a worker came, measure, and tell; give whether it was our turn."""
    metric_store.set_reading(name=HEART, subject=BEAT, value=1, at=now)
    return _watch(now=now, not_sooner_than=_TASK_EVERY)


def watch_by_process(role: str, now: datetime) -> None:
    """Note that this process lives; a web process watches when nobody else does."""
    tally.count(ALIVE, role, UP)
    if role == "web":
        _watch(now=now, not_sooner_than=_WITHOUT_BEAT_AFTER)


def _watch(*, now: datetime, not_sooner_than: timedelta) -> bool:
    if not _take_turn(now=now, last_before=now - not_sooner_than):
        return False
    evaluate(now=now)
    send_due(now=now)
    return True


def _take_turn(*, now: datetime, last_before: datetime) -> bool:
    """Win the turn to measure, for all processes: only if the last one was long enough ago."""
    # From a site's first moment on, so that a beat that never came is missed too.
    Reading.objects.bulk_create(
        [
            Reading(name=HEART, subject=BEAT, value=0, at=now),
            Reading(name=_WATCH, subject=_ALL, value=0, at=now),
        ],
        ignore_conflicts=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE desk_reading SET at = %s WHERE name = %s AND subject = %s AND at <= %s",
            [now, _WATCH, _ALL, last_before],
        )
        return bool(cursor.rowcount == 1)

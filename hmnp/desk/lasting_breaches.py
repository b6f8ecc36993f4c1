"""Rows that contradict what must always hold, seen twice: work under way is not a breach yet."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from hmnp.core.invariants import Breach, Invariant, all_invariants, find_breaches
from hmnp.desk import metric_store
from hmnp.desk.alert_measures import INVARIANT
from hmnp.desk.models import Reading

# Enough for a sweep to do what was due at the first look.
_PAUSE_SECONDS = 15.0


def note(*, now: datetime, pause_seconds: float = _PAUSE_SECONDS) -> int:
    """Write down how many rows break each rule, and still do after a pause; give how many."""
    rules = all_invariants()
    found = _look(rules)
    if found:
        time.sleep(pause_seconds)
        first = {(breach.name, breach.subject) for breach in found}
        broken = [rule for rule in rules if any(name == rule.name for name, _ in first)]
        found = [one for one in _look(broken) if (one.name, one.subject) in first]
    for rule in rules:
        count = sum(breach.name == rule.name for breach in found)
        metric_store.set_reading(name=INVARIANT, subject=rule.name, value=count, at=now)
    # A rule that is stated no more is broken no more.
    stated = [rule.name for rule in rules]
    Reading.objects.filter(name=INVARIANT).exclude(subject__in=stated).delete()
    return len(found)


def _look(rules: Sequence[Invariant]) -> list[Breach]:
    """Look at one moment of the database, and change nothing of it."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = '60s'")
        return find_breaches(cursor=cursor, invariants=rules)

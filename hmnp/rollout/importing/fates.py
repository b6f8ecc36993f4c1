"""Writing down what became of V1's rows, in the transaction that made it so."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.models import QuerySet

from hmnp.rollout.models import V1Row
from hmnp.rollout.states import RowState, Table


@dataclass(frozen=True, slots=True)
class RowFate:
    """What one kept row ends as."""

    pk: int
    state: RowState
    target: str = ""
    reason: str = ""


def waiting(table: Table) -> QuerySet[V1Row]:
    """Give the rows of a table that were not looked at, in the order they came."""
    return V1Row.objects.filter(table=table.value, state=RowState.PENDING.value).order_by("pk")


def settle_row(pk: int, *, state: RowState, target: object = "", reason: str = "") -> None:
    """Write down what became of one row."""
    settle_rows([RowFate(pk, state, str(target), reason[:300])])


def settle_rows(fates: Iterable[RowFate]) -> None:
    """Write down what became of many rows, in one statement."""
    known = sorted(fates, key=lambda fate: fate.pk)
    if not known:
        return
    found = [
        {"id": fate.pk, "state": fate.state.value, "target": fate.target, "reason": fate.reason}
        for fate in known
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE rollout_v1row AS kept
            SET state = found.state, target = found.target, reason = left(found.reason, 300),
                previous = NULL
            FROM json_to_recordset(%s::json)
                AS found(id bigint, state text, target text, reason text)
            WHERE kept.id = found.id
            """,
            [json.dumps(found)],
        )

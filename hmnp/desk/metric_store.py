"""Where figures go: every process adds its own to the minute's buckets and to the totals."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from hmnp.core.tally import Batch
from hmnp.desk.metric_models import Grain

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Both spreads have the same classes, or the bucket is new.
_ADD = """
    INSERT INTO desk_metricbucket AS had
        (grain, starts_at, metric, subject, outcome, count, total, spread)
    VALUES {rows}
    ON CONFLICT (grain, starts_at, metric, subject, outcome) DO UPDATE SET
        count = had.count + excluded.count,
        total = had.total + excluded.total,
        spread = COALESCE((
            SELECT array_agg(COALESCE(a, 0) + COALESCE(b, 0) ORDER BY place)
            FROM unnest(had.spread, excluded.spread) WITH ORDINALITY AS both_(a, b, place)), '{{}}')
"""


def add(minute: datetime, batch: Batch) -> None:
    """Add one process's figures to its minute and to the totals, in one statement."""
    rows: list[Any] = []
    for grain, starts_at in ((Grain.MINUTE, minute), (Grain.TOTAL, EPOCH)):
        # In one order for all processes, so that no two wait for each other's rows.
        for (metric, subject, outcome), figures in sorted(batch.items()):
            rows += [grain.value, starts_at, metric, subject, outcome]
            rows += [figures.count, figures.total, list(figures.spread)]
    places = ", ".join(["(%s, %s, %s, %s, %s, %s, %s, %s::bigint[])"] * (len(rows) // 8))
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        # Figures of a minute are worth less than what a customer waits for.
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(_ADD.format(rows=places), rows)


def set_reading(*, name: str, subject: str, value: float, at: datetime) -> None:
    """Write down how one thing stands now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO desk_reading AS had (name, subject, value, at) VALUES (%s, %s, %s, %s)
            ON CONFLICT (name, subject) DO UPDATE SET value = excluded.value, at = excluded.at
            WHERE excluded.at >= had.at
            """,
            [name, subject, value, at],
        )


def set_minutes(*, rows: Iterable[tuple[datetime, str, str, str, float]]) -> None:
    """Write (minute, metric, subject, outcome, value) for what is sampled; the first one stays."""
    for minute, metric, subject, outcome, value in rows:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO desk_metricbucket
                    (grain, starts_at, metric, subject, outcome, count, total, spread)
                VALUES (%s, %s, %s, %s, %s, 1, %s, '{}')
                ON CONFLICT (grain, starts_at, metric, subject, outcome) DO NOTHING
                """,
                [Grain.MINUTE.value, minute, metric, subject, outcome, value],
            )

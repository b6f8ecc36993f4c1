"""Lay V1's rows down as they are, once each; what V1 has changed since is marked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from hmnp.core import transactions
from hmnp.core.bulk import copy_text
from hmnp.rollout.importing.sources import Read
from hmnp.rollout.states import Table
from hmnp.rollout.v1.payments import captured_and_refunded
from hmnp.rollout.v1.values import Row, money, pick

_AT_ONCE = 5000
_TABLES = {table.value: table for table in Table}
_COLUMNS = (
    "table",
    "v1_id",
    "parent_id",
    "row",
    "row_hash",
    "asked_cents",
    "paid_cents",
    "refunded_cents",
    "seen_at",
)


@dataclass
class Staged:
    """What was read: rows by table, new ones, changed ones, and what was no row."""

    read: dict[str, int] = field(default_factory=dict)
    new: int = 0
    changed: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)


def stage(*, rows: Iterable[Read], now: datetime, staged: Staged) -> Iterable[int]:
    """Write every row, giving after each batch how many were read so far.

    A row that is there and the same is left alone; one that differs is marked CHANGED, or PENDING
    again when it had been refused.
    """
    batch: dict[tuple[str, str], dict[str, Any]] = {}
    total = 0
    for one in rows:
        table = _TABLES.get(one.table or "")
        if one.table is None:
            staged.unreadable.append(one.trouble)
            continue
        if table is None:
            staged.left_out[one.table] = staged.left_out.get(one.table, 0) + 1
            continue
        v1_id = pick(one.row, "id")
        if v1_id is None or len(str(v1_id)) > 191:
            staged.unreadable.append(f"a row of {one.table} without a usable id")
            continue
        staged.read[table.value] = staged.read.get(table.value, 0) + 1
        total += 1
        batch[table.value, str(v1_id)] = staged_row(table, one.row, now)
        if len(batch) >= _AT_ONCE:
            _write(batch, staged)
            batch = {}
            yield total
    _write(batch, staged)
    yield total


def staged_row(table: Table, row: Row, now: datetime) -> dict[str, Any]:
    """Give a row as it is kept."""
    text = json.dumps(row, sort_keys=True, separators=(",", ":"), default=str)
    text = text.replace("\\u0000", "")
    parent = pick(row, "bookingId", "booking_id") if table is Table.PAYMENT else None
    paid, refunded = _came(table, row)
    return {
        "table": table.value,
        "v1_id": str(row["id"]),
        "parent_id": str(parent)[:191] if parent is not None else "",
        "row": text,
        "row_hash": hashlib.sha256(text.encode()).hexdigest(),
        "asked_cents": _asked(table, row),
        "paid_cents": paid,
        "refunded_cents": refunded,
        "seen_at": now,
    }


def _asked(table: Table, row: Row) -> int | None:
    name = {Table.BOOKING: "priceAtBooking", Table.PAYMENT: "amount"}.get(table)
    try:
        return money(row.get(name)) if name else None
    except ValueError:
        return None


def _came(table: Table, row: Row) -> tuple[int, int]:
    if table is not Table.PAYMENT:
        return 0, 0
    try:
        return captured_and_refunded(row)
    except ValueError:
        return 0, 0


def _write(batch: dict[tuple[str, str], dict[str, Any]], staged: Staged) -> None:
    if not batch:
        return
    # Always in one order, so that two writers of the same rows never wait for each other.
    new, changed = transactions.run(lambda: stage_rows([batch[key] for key in sorted(batch)]))
    staged.new += new
    staged.changed += changed


def stage_rows(rows: list[dict[str, Any]]) -> tuple[int, int]:
    """Write kept rows in the caller's transaction; give how many are new and how many changed."""
    names = ", ".join(f'"{name}"' for name in _COLUMNS)
    with connection.cursor() as cursor:
        like = f"SELECT {names} FROM rollout_v1row WITH NO DATA"  # noqa: S608  # our own names
        cursor.execute(f"CREATE TEMP TABLE staged ON COMMIT DROP AS {like}")
        with cursor.copy(f"COPY staged ({names}) FROM STDIN") as copy:
            copy.write(copy_text([[row[name] for name in _COLUMNS] for row in rows]))
        cursor.execute(
            f"""
            INSERT INTO rollout_v1row AS kept ({names}, state, target, reason)
            SELECT {names}, 'PENDING', '', '' FROM staged
            ON CONFLICT ("table", v1_id) DO UPDATE SET
                previous = CASE WHEN kept.state IN ('IMPORTED', 'MERGED') THEN kept.row
                                ELSE kept.previous END,
                state = CASE WHEN kept.state IN ('IMPORTED', 'MERGED', 'CHANGED') THEN 'CHANGED'
                             ELSE 'PENDING' END,
                reason = '', row = EXCLUDED.row, row_hash = EXCLUDED.row_hash,
                parent_id = EXCLUDED.parent_id, asked_cents = EXCLUDED.asked_cents,
                paid_cents = EXCLUDED.paid_cents, refunded_cents = EXCLUDED.refunded_cents,
                changed_at = EXCLUDED.seen_at
            WHERE kept.row_hash <> EXCLUDED.row_hash
              -- An older export brings nothing back that V1 has reported otherwise since.
              AND coalesce(EXCLUDED.row ->> 'updatedAt', '')
                  >= coalesce(kept.row ->> 'updatedAt', '')
            RETURNING (xmax = 0)
            """  # noqa: S608  # only names of our own columns are put in
        )
        inserted = [is_new for (is_new,) in cursor.fetchall()]
        cursor.execute("DROP TABLE staged")
    return sum(inserted), len(inserted) - sum(inserted)

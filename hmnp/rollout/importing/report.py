"""Counts and money of V1 beside ours: what was read, what it became, and whether it agrees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection

from hmnp.core.money import show
from hmnp.rollout.importing.staging import Staged
from hmnp.rollout.models import V1Row
from hmnp.rollout.states import RowState, Table


@dataclass
class Report:
    """Lines for people, and what does not agree."""

    lines: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


_FILLED = ("rollout_v1row", "bookings_booking", "payments_payment", "payments_ledgerentry")
_COUNTS = """
    SELECT "table", state, count(*), coalesce(sum(asked_cents), 0), coalesce(sum(paid_cents), 0),
           coalesce(sum(refunded_cents), 0)
    FROM rollout_v1row GROUP BY 1, 2
"""
# Our side, by the rows' targets: what V1's rows became, read from our own tables.
_OURS = """
    SELECT
      (SELECT count(*) FROM rollout_v1row k
        WHERE k."table" = 'Booking' AND k.state = 'IMPORTED' AND NOT EXISTS (
          SELECT 1 FROM bookings_booking b WHERE b.id = k.target::uuid)),
      (SELECT coalesce(sum(b.price_cents - k.asked_cents), 0) FROM rollout_v1row k
        JOIN bookings_booking b ON b.id = k.target::uuid
        WHERE k."table" = 'Booking' AND k.state = 'IMPORTED' AND k.asked_cents >= 0
          AND b.version = 1),
      (SELECT coalesce(sum(p.amount_captured_cents), 0) FROM rollout_v1row k
        JOIN payments_payment p ON p.id = k.target::uuid
        WHERE k."table" = 'Payment' AND k.state = 'IMPORTED'),
      (SELECT coalesce(sum(r.amount_cents), 0) FROM rollout_v1row k
        JOIN payments_payment p ON p.id = k.target::uuid
        JOIN payments_refund r ON r.payment_id = p.id AND r.method = 'FORMER'
        WHERE k."table" = 'Payment' AND k.state = 'IMPORTED'),
      (SELECT coalesce(sum(p.amount_captured_cents), 0) FROM payments_payment p
        WHERE p.idempotency_key LIKE 'v1-%%' AND NOT EXISTS (
          SELECT 1 FROM rollout_v1row k WHERE k."table" = 'Payment' AND k.target = p.id::text)),
      (SELECT coalesce(sum(p.amount_captured_cents), 0) FROM payments_payment p
        WHERE p.idempotency_key LIKE 'v1-%%'),
      (SELECT coalesce(-sum(e.amount_cents), 0) FROM payments_ledgerentry e
        JOIN payments_payment p ON p.id = e.payment_id AND p.idempotency_key LIKE 'v1-%%'
        WHERE e.account = 'CUSTOMER' AND e.refund_id IS NULL)
"""
_STATUSES = """
    SELECT coalesce(k.row ->> 'status', '-'), b.status, count(*)
    FROM rollout_v1row k JOIN bookings_booking b ON b.id = k.target::uuid
    WHERE k."table" = 'Booking' AND k.state = 'IMPORTED' GROUP BY 1, 2 ORDER BY 3 DESC, 1
"""
_REASONS = """
    SELECT "table", reason, count(*) FROM rollout_v1row
    WHERE state = 'REJECTED' GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20
"""
_CASES = """
    SELECT kind, repair, count(*) FROM desk_case
    WHERE kind IN ('V1_CONFLICT', 'V1_IMPORT') AND closed_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2
"""
_CUSTOMERS = """
    SELECT count(DISTINCT k.row ->> 'customerEmail'), count(DISTINCT b.customer_email)
    FROM rollout_v1row k JOIN bookings_booking b ON b.id = k.target::uuid
    WHERE k."table" = 'Booking' AND k.state = 'IMPORTED'
"""


def reconcile(*, staged: Staged) -> Report:
    """Compare all that was ever staged with what is here now."""
    report = Report()
    with connection.cursor() as cursor:
        # Over all rows at once; nobody waits for it.
        cursor.execute("SET statement_timeout = '300s'")
        try:
            for table in _FILLED:
                # So many rows at once: until it has counted them, the planner believes in few.
                cursor.execute(f"ANALYZE {table}")
            _fill(report, staged, cursor)
        finally:
            cursor.execute("RESET statement_timeout")
    return report


def _fill(report: Report, staged: Staged, cursor: object) -> None:
    def rows(statement: str) -> list[tuple[object, ...]]:
        cursor.execute(statement)  # type: ignore[attr-defined]  # Django's own cursor
        return list(cursor.fetchall())  # type: ignore[attr-defined]  # the same

    counts = {(str(t), str(s)): numbers for t, s, *numbers in rows(_COUNTS)}
    report.lines.append(
        f"read {sum(staged.read.values()):,} rows: {staged.new:,} new, {staged.changed:,} changed"
    )
    for name, number in sorted(staged.left_out.items()):
        report.lines.append(f"left out: {number:,} rows of {name}, a table that is not taken over")
    if staged.unreadable:
        report.lines.append(f"unreadable lines: {len(staged.unreadable):,}")
    report.lines.append("")
    report.lines.append(f"{'':17}{'imported':>10}{'merged':>10}{'rejected':>10}{'waiting':>10}")
    for table in Table:
        numbers = [_number(counts, table, state) for state in _ENDS]
        waiting = sum(_number(counts, table, state) for state in _WAITING)
        cells = "".join(f"{number:>10,}" for number in [*numbers, waiting])
        report.lines.append(f"{table.value:17}{cells}")
        if waiting:
            report.differences.append(f"{waiting} rows of {table.value} were not dealt with")
    _money(report, counts, rows(_OURS)[0])
    report.lines += ["", "V1 status → ours"]
    report.lines += [f"  {v1!s:24} → {ours!s:12}{n:>9,}" for v1, ours, n in rows(_STATUSES)]
    before, after = rows(_CUSTOMERS)[0]
    report.lines += ["", f"customers: {before:,} spellings of an address, {after:,} addresses"]
    report.lines += [
        f"cases open: {number:,} {kind} ({repair})" for kind, repair, number in rows(_CASES)
    ]
    reasons = rows(_REASONS)
    if reasons:
        report.lines += ["", "rejected, by reason"]
        report.lines += [f"  {number:>7,} {table}: {reason}" for table, reason, number in reasons]


_ENDS = (RowState.IMPORTED, RowState.MERGED, RowState.REJECTED)
_WAITING = (RowState.PENDING, RowState.CHANGED)


def _number(
    counts: dict[tuple[str, str], list[object]], table: Table, state: RowState, column: int = 0
) -> int:
    found = counts.get((table.value, state.value))
    return int(str(found[column])) if found else 0


def _money(
    report: Report, counts: dict[tuple[str, str], list[object]], ours: tuple[object, ...]
) -> None:
    missing, price_off, paid, refunded, extra, total, booked = (int(str(x)) for x in ours)

    def v1(table: Table, state: RowState, column: int) -> int:
        return _number(counts, table, state, column)

    v1_paid = v1(Table.PAYMENT, RowState.IMPORTED, 2)
    v1_refunded = v1(Table.PAYMENT, RowState.IMPORTED, 3)
    rejected = v1(Table.PAYMENT, RowState.REJECTED, 2)
    merged = v1(Table.PAYMENT, RowState.MERGED, 2)
    report.lines += [
        "",
        f"{'money':26}{'V1':>18}{'here':>18}",
        f"{'paid, by payment rows':26}{show(v1_paid):>18}{show(paid):>18}",
        f"{'given back':26}{show(v1_refunded):>18}{show(refunded):>18}",
        f"{'paid, by bookings only':26}{'':>18}{show(extra):>18}",
        f"{'in the books':26}{'':>18}{show(booked):>18}",
        f"{'of rejected payments':26}{show(rejected):>18}",
        f"{'prices asked':26}{show(v1(Table.BOOKING, RowState.IMPORTED, 1)):>18}"
        f"{'the same' if not price_off else show(price_off) + ' off':>18}",
    ]
    for wrong, words in (
        (missing, f"{missing} imported bookings are not here"),
        (price_off, f"prices differ by {price_off} cents"),
        (v1_paid - paid, f"paid: V1 {v1_paid} cents, here {paid}"),
        (v1_refunded - refunded, f"given back: V1 {v1_refunded} cents, here {refunded}"),
        (total - booked, f"payments say {total} cents came, the books {booked}"),
        (merged, f"{merged} cents belong to payments of merged bookings"),
    ):
        if wrong:
            report.differences.append(words)


def write_rejects(*, path: Path, staged: Staged) -> int:
    """Write every refused row with its reason, as JSON lines; give how many. Personal data."""
    number = 0
    with path.open("w", encoding="utf-8") as file:
        # A device, as `/dev/null`, is everybody's.
        if path.is_file():
            path.chmod(0o600)
        for line in _rejects(staged):
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            number += 1
    return number


def _rejects(staged: Staged) -> Iterator[dict[str, object]]:
    for trouble in staged.unreadable:
        yield {"table": None, "id": None, "reason": trouble, "row": None}
    refused = V1Row.objects.filter(state=RowState.REJECTED.value).order_by("table", "pk")
    for kept in refused.iterator(chunk_size=2000):
        yield {"table": kept.table, "id": kept.v1_id, "reason": kept.reason, "row": kept.row}

"""A partner's statement as a file for a spreadsheet, safe to open in one."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from hmnp.core.spreadsheets import harmless
from hmnp.core.times import local_date
from payments.statements import Statement, StatementLine

COLUMNS = (
    *("Reference", "Ended on", "Appointment on", "Service", "Customer", "Note", "Outcome"),
    *("Lines", "Charge", "Paid", "Due"),
)


def statement_csv(*, statement: Statement) -> str:
    """Write a statement as CSV: a row a booking, then the totals; amounts in dollars."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    rows.writerows(_cells(statement, line) for line in statement.lines)
    sums = (statement.charge_cents, statement.paid_cents, statement.due_cents)
    rows.writerow(
        [f"Total, due {statement.due_on}", *[""] * (len(COLUMNS) - 4), *map(_dollars, sums)]
    )
    return text.getvalue()


def file_name(*, statement: Statement) -> str:
    """Name the file after the partner and the month, in plain letters."""
    letters = "".join(c if c.isascii() and c.isalnum() else "-" for c in statement.partner.name)
    return f"statement-{letters.strip('-').lower() or statement.partner.pk}-{statement.month}.csv"


def _cells(statement: Statement, line: StatementLine) -> Iterator[str]:
    booking = line.booking
    texts = (
        booking.reference,
        str(local_date(line.ended_at, zone=statement.zone)),
        str(local_date(booking.starts_at, zone=booking.zone)),
        booking.service.name,
        booking.customer_name,
        booking.special_instructions,
        outcome(line=line),
        "; ".join(f"{one.label} {_dollars(one.amount_cents)}" for one in line.price_lines),
    )
    yield from map(harmless, texts)
    yield from map(_dollars, (line.charge_cents, line.paid_cents, line.due_cents))


def outcome(*, line: StatementLine) -> str:
    """Say how a booking ended, and what a fee is for."""
    status = line.booking.status.replace("_", " ").capitalize()
    return f"{status}, fee kept" if line.charge_cents and not line.price_lines else status


def _dollars(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"

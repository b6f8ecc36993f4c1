"""The way from a visit to a paid booking, and how the database was: what has no target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hmnp.core.metrics import STEP
from hmnp.desk.dashboard_charts import Words
from hmnp.desk.dashboard_figures import Figures
from hmnp.desk.dashboard_panel import Part
from hmnp.desk.dashboard_words import percent, ratio, seconds
from hmnp.desk.metric_minutes import DATABASE


@dataclass(frozen=True)
class Step:
    """One step towards a paid booking: how many took it, and how many of those before."""

    name: str
    count: int
    share: str
    width: float


_STEPS = (
    ("visit", "came to the site"),
    ("price", "looked at prices"),
    ("hold", "took a time"),
    ("booking", "booked"),
    ("paid", "paid, or owed nothing"),
)
_WHO = {
    "customers": "Customers on the site",
    "partners": "Partners by the API",
    "staff": "Our staff",
}


def funnels(figures: Figures) -> list[tuple[str, list[Step]]]:
    """Give each kind of caller's way from a visit to a paid booking."""
    found = []
    for who, name in _WHO.items():
        counts = [
            (words, sum(figures.count(STEP, subject=who, outcomes=[code])))
            for code, words in _STEPS
        ]
        if who != "customers":
            # They open no pages; a partner's looks at prices are its program's.
            counts = counts[1:] if who == "partners" else counts[2:]
        if any(count for _, count in counts):
            found.append((name, _steps(counts)))
    return found


def _steps(counts: Sequence[tuple[str, int]]) -> list[Step]:
    most = max(count for _, count in counts)
    steps = []
    before: int | None = None
    for name, count in counts:
        share = ratio(count, before) if before else None
        steps.append(
            Step(
                name=name,
                count=count,
                share=f"{share:.0f} % of the step before" if share is not None else "",
                width=round(100 * count / most, 1),
            )
        )
        before = count
    return steps


_DATABASE: tuple[tuple[str, str, Words], ...] = (
    ("connections_percent", "Connections in use", percent),
    ("longest_transaction_seconds", "Longest transaction", seconds),
    ("waiting_for_locks", "Waiting for a lock", lambda value: f"{value:.1f}"),
    ("dead_rows_percent", "Dead rows in the worst table", percent),
    ("size_bytes", "Size", lambda value: f"{value / 1_000_000:,.0f} MB"),
)


def database(figures: Figures) -> list[Part]:
    """Give how the database was on average; there is no replica to fall behind."""
    parts = []
    for code, name, words in _DATABASE:
        count = sum(figures.count(DATABASE, subject=code))
        if count:
            parts.append(Part(name, words(sum(figures.total(DATABASE, subject=code)) / count)))
    return parts

"""What must always hold, told as SQL that finds what breaks it.

Every app states its own in `<app>/invariants.py`: `INVARIANTS`, and `BACKLOGS`, the work that must
be done before the rest is judged. Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

from django.apps import apps
from django.utils.module_loading import module_has_submodule

# Enough to see what is wrong; one mistake can break thousands of rows.
MOST_ROWS = 50


class Cursor(Protocol):
    """Whatever runs SQL: Django's cursor, or a driver's."""

    def execute(self, query: Any, params: Any = None, /) -> Any:
        """Run one statement."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Give its rows."""


@dataclass(frozen=True)
class Invariant:
    """`sql` gives a row (subject, detail) for each breach; `code` is its number in the design."""

    code: str
    name: str
    says: str
    sql: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Backlog:
    """Work that is due now; `sql` counts it."""

    name: str
    sql: str


@dataclass(frozen=True)
class Breach:
    """One thing that is not as it must be."""

    code: str
    name: str
    subject: str
    detail: str


INVARIANTS = (
    Invariant(
        code="I6",
        name="answers-are-kept-with-their-effect",
        says="a committed idempotency record carries its answer",
        sql="""
            SELECT key, method || ' ' || path || ' has no answer'
            FROM core_idempotencyrecord WHERE status IS NULL
        """,
    ),
)


def all_invariants() -> list[Invariant]:
    """Give what every app states, in the order of the floors."""
    return [invariant for module in _modules() for invariant in getattr(module, "INVARIANTS", ())]


def all_backlogs() -> list[Backlog]:
    """Give every app's kinds of due work."""
    return [backlog for module in _modules() for backlog in getattr(module, "BACKLOGS", ())]


def find_breaches(*, cursor: Cursor, invariants: Iterable[Invariant]) -> list[Breach]:
    """Give what breaks the invariants now, at most `MOST_ROWS` for each."""
    found = []
    for invariant in invariants:
        cursor.execute(invariant.sql, dict(invariant.params))
        found += [
            Breach(
                code=invariant.code, name=invariant.name, subject=str(subject), detail=str(detail)
            )
            for subject, detail in cursor.fetchall()[:MOST_ROWS]
        ]
    return found


def count_due(*, cursor: Cursor, backlogs: Iterable[Backlog]) -> dict[str, int]:
    """Count the work that is due now, by its name; what is done is left out."""
    due = {}
    for backlog in backlogs:
        cursor.execute(backlog.sql)
        if count := int(cursor.fetchall()[0][0]):
            due[backlog.name] = count
    return due


def _modules() -> Sequence[Any]:
    return [
        import_module(f"{config.name}.invariants")
        for config in apps.get_app_configs()
        if module_has_submodule(config.module, "invariants")
    ]

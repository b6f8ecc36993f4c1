"""Statements that the database plans once a connection; their answers come in binary form.

For the few large statements of holds and bookings, whose planning costs several times their work.
The parameters are bound by the server, which must be able to tell their types: write a cast where
it cannot.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import psycopg
from django.db import connection

_PARAMETER = re.compile(r"%s|%\((\w+)\)s")


class _PlannedCursor(psycopg.RawCursor[Any]):
    def execute(self, query: Any, params: Any = None, **_: Any) -> _PlannedCursor:
        # Django turns this off for its own cursors, which bind at the client; left on, it would
        # count each of their statements.
        self.connection.prepare_threshold = 0
        try:
            super().execute(query, params, prepare=True, binary=True)
        finally:
            self.connection.prepare_threshold = None
        return self


def ask(*, sql: str, values: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement and give its rows; raises what one of Django's cursors raises.

    Its parameters are written `%s` or `%(name)s`, and nothing else begins with `%`.
    """
    numbered, names = _numbered(sql)
    sent = [values[name] for name in names] if isinstance(values, Mapping) else values
    connection.ensure_connection()
    bare: Any = _PlannedCursor(connection.connection)
    began = time.monotonic()
    try:
        with connection.make_cursor(bare) as cursor:
            cursor.execute(numbered, sent)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found
    finally:
        if connection.queries_logged:
            # Django's own log asks the cursor for the statement with its values in it.
            seconds = f"{time.monotonic() - began:.3f}"
            connection.queries_log.append({"sql": numbered, "time": seconds})


@lru_cache
def _numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """Give the statement as the protocol writes it, and the names of its parameters in order."""
    # The driver does this, too, but for a long statement anew each time, which takes milliseconds.
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        name = found[1]
        if name is None or name not in names:
            names.append(name or "")
            return f"${len(names)}"
        return f"${names.index(name) + 1}"

    return _PARAMETER.sub(number, sql), tuple(names)

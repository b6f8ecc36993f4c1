"""The ledger: one SQLite file, one writer at a time, everything committed before an answer."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.wire import Json

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    parent TEXT NOT NULL DEFAULT '',
    owner TEXT NOT NULL DEFAULT '',
    doc TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_by_parent ON objects (kind, parent, seq);
CREATE INDEX IF NOT EXISTS objects_by_challenge ON objects (json_extract(doc, '$._.challenge'));
CREATE TABLE IF NOT EXISTS idempotency (
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    request_id TEXT NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (account, key)
);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at REAL NOT NULL,
    last_status INTEGER,
    last_error TEXT NOT NULL DEFAULT '',
    delivered_at REAL
);
CREATE INDEX IF NOT EXISTS deliveries_by_event ON deliveries (event);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, next_at);
CREATE TABLE IF NOT EXISTS timers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    system TEXT NOT NULL,
    kind TEXT NOT NULL,
    ref TEXT NOT NULL,
    due REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS faults (id INTEGER PRIMARY KEY AUTOINCREMENT, doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS knobs (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_TABLES = ("objects", "idempotency", "deliveries", "timers", "faults", "knobs")


class Store:
    """Keep every object, stored answer, delivery, timer and knob of the sandbox."""

    def __init__(self, *, path: str) -> None:
        """Open or make the file at `path`."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing in WAL with NORMAL; only a power cut could.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        self._lock = threading.RLock()
        self._depth = 0
        self.listeners: list[Callable[[], None]] = []
        self._offset = float(self.knob("clock_offset", 0.0))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block alone and all or nothing; wake the workers after the commit."""
        with self._lock:
            if self._depth:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            else:
                self._db.execute("COMMIT")
            finally:
                self._depth = 0
        for listener in self.listeners:
            listener()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo only the block when it raises, inside a running transaction."""
        self._db.execute("SAVEPOINT step")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK TO step")
            self._db.execute("RELEASE step")
            raise
        self._db.execute("RELEASE step")

    def rows(self, sql: str, args: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        with self._lock:
            return self._db.execute(sql, args).fetchall()

    def run(self, sql: str, args: Sequence[Any] = ()) -> int:
        """Change rows and return how many."""
        with self.transaction():
            return self._db.execute(sql, args).rowcount

    # The clock

    def now(self) -> float:
        """Return the sandbox's own time: seconds since the epoch plus what was advanced."""
        return time.time() + self._offset

    def advance(self, *, seconds: float) -> float:
        """Move the sandbox's clock forward and return its new time."""
        with self.transaction():
            self._offset += seconds
            self.set_knob("clock_offset", self._offset)
        return self.now()

    # Objects

    def insert(self, *, kind: str, doc: Json, parent: str = "", owner: str = "") -> Json:
        """Add an object under its `id`."""
        self.run(
            "INSERT INTO objects (kind, id, created, parent, owner, doc) VALUES (?,?,?,?,?,?)",
            (kind, doc["id"], int(doc.get("created", self.now())), parent, owner, json.dumps(doc)),
        )
        return doc

    def replace(self, *, doc: Json) -> Json:
        """Write an object's new state; raise KeyError when it was never inserted."""
        if not self.run("UPDATE objects SET doc = ? WHERE id = ?", (json.dumps(doc), doc["id"])):
            raise KeyError(doc["id"])
        return doc

    def get(self, *, kind: str, key: str) -> Json | None:
        """Return an object, or None."""
        found = self.rows("SELECT doc FROM objects WHERE kind = ? AND id = ?", (kind, key))
        return json.loads(found[0]["doc"]) if found else None

    def select(
        self, *, kind: str, where: str = "1", args: Sequence[Any] = (), tail: str = "ORDER BY seq"
    ) -> list[Json]:
        """Return objects of a kind; `where` and `tail` are SQL written by the caller's code."""
        sql = f"SELECT doc FROM objects WHERE kind = ? AND {where} {tail}"  # noqa: S608 - constants
        return [json.loads(row["doc"]) for row in self.rows(sql, (kind, *args))]

    # Knobs and timers

    def knob(self, name: str, default: Any = None) -> Any:
        """Return a knob's value, or the default."""
        found = self.rows("SELECT value FROM knobs WHERE name = ?", (name,))
        return json.loads(found[0]["value"]) if found else default

    def set_knob(self, name: str, value: Any) -> None:
        """Set a knob."""
        self.run("INSERT OR REPLACE INTO knobs VALUES (?, ?)", (name, json.dumps(value)))

    def set_timer(self, *, system: str, kind: str, ref: str, seconds: float) -> None:
        """Ask for a system's `run_timer` after that many seconds of the sandbox's clock."""
        self.run(
            "INSERT INTO timers (system, kind, ref, due) VALUES (?,?,?,?)",
            (system, kind, ref, self.now() + seconds),
        )

    def wipe(self) -> None:
        """Forget everything, the clock's advance included."""
        with self.transaction():
            for table in _TABLES:
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - names from a constant
            self._offset = 0.0

"""Where V1's rows come from: JSON lines in files, or V1's own PostgreSQL."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from hmnp.rollout.states import Table

# Prisma names tables after their models; a mapped schema names them in lower case and the plural.
_ALIASES = {
    Table.SERVICE: ("Service", "service", "services"),
    Table.PROMO_CODE: ("PromoCode", "promo_codes", "promocode"),
    Table.NOTARY: ("notary_profiles", "NotaryProfile"),
    Table.BOOKING: ("Booking", "booking", "bookings"),
    Table.PAYMENT: ("Payment", "payment", "payments"),
}
_USERS = ("User", "users", "user")
_ROWS_AT_ONCE = 2000


@dataclass(frozen=True)
class Read:
    """One row, or (`table` None) something that could not be read as one: `trouble` says why."""

    table: str | None
    row: dict[str, Any]
    trouble: str = ""


class Source(Protocol):
    """An export of V1; may be read more than once."""

    def rows(self) -> Iterator[Read]:
        """Give every row there is."""

    def progress(self) -> float:
        """Give the share that has been read, 0 to 1."""


class JsonLines:
    """One file of `{"table": …, "row": {…}}`, or a directory with a file a table."""

    def __init__(self, path: Path) -> None:
        self._files = self._find(path)
        self._size = sum(file.stat().st_size for file, _ in self._files) or 1
        self._before = 0
        self._stream: IO[bytes] | None = None

    @staticmethod
    def _find(path: Path) -> list[tuple[Path, str | None]]:
        """Raises FileNotFoundError."""
        if path.is_file():
            return [(path, None)]
        files = sorted([*path.glob("*.jsonl"), *path.glob("*.jsonl.gz")])
        if not files:
            raise FileNotFoundError(f"{path} is no file, and no directory with .jsonl files")
        return [(file, file.name.split(".")[0]) for file in files]

    def rows(self) -> Iterator[Read]:
        """Give the rows, file by file."""
        self._before = 0
        for file, table in self._files:
            with file.open("rb") as self._stream:
                lines = gzip.GzipFile(fileobj=self._stream) if file.suffix == ".gz" else None
                for number, line in enumerate(lines or self._stream, start=1):
                    if line.strip():
                        yield self._read(line, table, f"{file.name}:{number}")
            self._stream = None
            self._before += file.stat().st_size

    @staticmethod
    def _read(line: bytes, table: str | None, place: str) -> Read:
        try:
            found = json.loads(line)
        except ValueError:
            return Read(None, {}, f"{place}: no JSON")
        if isinstance(found, dict) and table is None:
            table, found = found.get("table"), found.get("row")
        if not isinstance(found, dict) or not isinstance(table, str):
            return Read(None, {}, f"{place}: no row of a table")
        return Read(table, found)

    def progress(self) -> float:
        """Tell by the bytes that were read."""
        here = self._stream.tell() if self._stream else 0
        return min((self._before + here) / self._size, 1.0)


class Database:
    """V1's own schema, read with a server-side cursor in one read-only snapshot."""

    def __init__(self, url: str, *, schema: str) -> None:
        self._url, self._schema = url, schema
        self._done, self._total = 0, 1

    def rows(self) -> Iterator[Read]:
        """Give the rows, table by table. Raises psycopg.Error."""
        with psycopg.connect(self._url, row_factory=tuple_row) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            names = self._tables(connection)
            found = {table: self._first(names, table) for table in Table}
            self._done, self._total = 0, max(self._count(connection, found.values()), 1)
            for table, name in found.items():
                if name is not None:
                    yield from self._read(connection, table, name, self._users(names, table))

    def _tables(self, connection: psycopg.Connection[Any]) -> set[str]:
        rows = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s",
            [self._schema],
        )
        return {name for (name,) in rows}

    @staticmethod
    def _first(names: set[str], table: Table) -> str | None:
        return next((name for name in _ALIASES[table] if name in names), None)

    @staticmethod
    def _users(names: set[str], table: Table) -> str | None:
        if table is not Table.NOTARY:
            return None
        return next((name for name in _USERS if name in names), None)

    def _count(self, connection: psycopg.Connection[Any], names: Any) -> int:
        total = 0
        for name in filter(None, names):
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(self._schema, name))
            total += connection.execute(query).fetchone()[0]  # type: ignore[index]  # a count has a row
        return total

    def _read(
        self, connection: psycopg.Connection[Any], table: Table, name: str, users: str | None
    ) -> Iterator[Read]:
        query = sql.SQL("SELECT to_jsonb(t)::text FROM {} AS t").format(
            sql.Identifier(self._schema, name)
        )
        if users is not None:
            # A profile has no name; the user it belongs to has.
            query = sql.SQL(
                "SELECT (jsonb_build_object('name', u ->> 'name', 'email', u ->> 'email')"
                " || to_jsonb(t))::text FROM {} AS t LEFT JOIN LATERAL ("
                " SELECT to_jsonb(x) AS u FROM {} AS x WHERE x.id::text ="
                " coalesce(to_jsonb(t) ->> 'user_id', to_jsonb(t) ->> 'userId')) AS y ON true"
            ).format(sql.Identifier(self._schema, name), sql.Identifier(self._schema, users))
        with connection.cursor(name=f"v1_{table.name.lower()}") as cursor:
            cursor.itersize = _ROWS_AT_ONCE
            cursor.execute(query)
            for (text,) in cursor:
                self._done += 1
                yield Read(table.value, json.loads(text))

    def progress(self) -> float:
        """Tell by the rows that were read."""
        return min(self._done / self._total, 1.0)


Progress = Callable[[str, int, int], None]

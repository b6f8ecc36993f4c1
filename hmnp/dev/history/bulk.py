"""Fill tables by COPY, their indexes and foreign keys put aside and built anew afterwards.

All in the caller's transaction: a failure leaves everything as it was, and what is built anew is
verified by the database over every row that was copied.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection
from django.db.models import NOT_PROVIDED, AutoField, Field, Model

# How COPY reads that there is nothing.
NULL = r"\N"
_CONSTRAINTS = """
    SELECT conname, contype = 'f', pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = %s::regclass AND contype IN ('f', 'u', 'x')
"""
_INDEXES = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid = %s::regclass AND NOT indisprimary
      AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = indexrelid)
"""


@contextmanager
def without_indexes(models: Collection[type[Model]]) -> Iterator[None]:
    """Put aside whatever makes a row dear to insert; the tables are locked until the commit."""
    rebuild: list[str] = []
    references: list[str] = []
    tables = [model._meta.db_table for model in models]
    with connection.cursor() as cursor:
        # Building takes longer than a request may, and has the memory of several.
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        cursor.execute("SET LOCAL max_parallel_maintenance_workers = 2")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(_CONSTRAINTS, [table])
            for name, is_reference, definition in cursor.fetchall():
                cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
                later = references if is_reference else rebuild
                later.append(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
            cursor.execute(_INDEXES, [table])
            for name, definition in cursor.fetchall():
                cursor.execute(f"DROP INDEX {name}")
                rebuild.append(definition)
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        for statement in [*rebuild, *references]:
            cursor.execute(statement)
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


class RowTemplate:
    """One kind of row as a line of COPY: what is the same in all of them is written out once."""

    def __init__(self, model: type[Model], *, varying: str, **same: Any) -> None:
        """Take the names of the fields that `line` fills, and the values of those that are alike.

        Any other field has its default. Raises LookupError for one that has none.
        """
        self.model = model
        names = varying.split()
        fields = [
            field
            for field in model._meta.concrete_fields
            if field.attname in {*names, *same} or not _fills_itself(field)
        ]
        unknown = {*names, *same} - {field.attname for field in fields}
        if unknown:
            raise LookupError(f"{model.__name__} has no {', '.join(sorted(unknown))}")
        cells = []
        for field in fields:
            if field.attname in names:
                cells.append(f"%({field.attname})s")
                continue
            value = same[field.attname] if field.attname in same else field.get_default()
            if value is None and not field.null:
                raise LookupError(f"{model.__name__}.{field.attname} needs a value")
            cells.append(cell(value).replace("%", "%%"))
        self.columns = ", ".join(f'"{field.column}"' for field in fields)
        self._line = "\t".join(cells) + "\n"

    def line(self, facts: Mapping[str, Any]) -> str:
        """Write one row; `facts` are ready to be written, unescaped."""
        return self._line % facts


def _fills_itself(field: Field[Any, Any]) -> bool:
    has_default = field.db_default is not NOT_PROVIDED
    return isinstance(field, AutoField) or field.generated or has_default


def cell(value: Any) -> str:
    """Write one value as COPY reads it in its text format."""
    match value:
        case None:
            return NULL
        case bool():
            return "t" if value else "f"
        case Enum():
            return cell(value.value)
        case datetime():
            return value.isoformat()
        case timedelta():
            return f"{value.total_seconds()} s"
        case UUID() | int() | float():
            return str(value)
        case dict() | list():
            text = json.dumps(value, default=str, separators=(",", ":"))
        case _:
            text = str(value)
    return text.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n")


class Buffers:
    """Rows on their way into their tables, in the order in which the tables refer to each other.

    The database takes one load in while the next is being written.
    """

    def __init__(self, templates: Collection[RowTemplate]) -> None:
        self._columns = {one.model: one.columns for one in templates}
        self._lines: dict[type[Model], list[str]] = {model: [] for model in self._columns}
        self._courier = ThreadPoolExecutor(max_workers=1)
        self._under_way: Future[None] | None = None
        self.copied = 0

    def add(self, template: RowTemplate, facts: Mapping[str, Any]) -> None:
        """Keep one row until the next `flush`."""
        self._lines[template.model].append(template.line(facts))

    def flush(self) -> None:
        """Let everything that was added be copied; wait for the load before it."""
        self.wait()
        connection.ensure_connection()
        load, self._lines = self._lines, {model: [] for model in self._columns}
        self.copied += sum(len(lines) for lines in load.values())
        # Nobody else uses the connection until `wait`.
        self._under_way = self._courier.submit(self._copy, connection.connection, load)

    def wait(self) -> None:
        """Wait until the database has what was flushed; raise what it had against it."""
        if self._under_way is not None:
            self._under_way.result()
            self._under_way = None

    def close(self) -> None:
        """Send the courier home, whatever happened."""
        self._courier.shutdown()

    def _copy(
        self, psycopg_connection: psycopg.Connection[Any], load: dict[type[Model], list[str]]
    ) -> None:
        with psycopg_connection.cursor() as cursor:
            for model, lines in load.items():
                if lines:
                    table, columns = model._meta.db_table, self._columns[model]
                    statement = f"COPY {table} ({columns}) FROM STDIN"
                    with cursor.copy(statement.encode()) as copy:
                        copy.write("".join(lines))


def analyze(models: Collection[type[Model]]) -> None:
    """Let the planner know what is in these tables now, outside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for model in models:
            cursor.execute(f"VACUUM ANALYZE {model._meta.db_table}")
        cursor.execute("RESET statement_timeout")


def next_id(model: type[Model]) -> int:
    """Give the number from which on the table's rows are numbered, for rows that name their own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [model._meta.db_table])
        return int(cursor.fetchone()[0])


def numbered_to(model: type[Model], last: int) -> None:
    """Let the database go on numbering after this one."""
    with connection.cursor() as cursor:
        table = model._meta.db_table
        cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [table, last])

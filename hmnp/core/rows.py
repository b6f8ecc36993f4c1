"""New rows of several tables, written by one statement: one round trip and one plan for all.

They travel as one JSON document, table by table; which columns there are is asked of the models,
so that a new column is never forgotten. Foreign keys are checked at the commit, so the order among
the tables does not matter.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields.ranges import RangeField
from django.db import connection, models
from django.db.models.fields import NOT_PROVIDED
from phonenumber_field.modelfields import PhoneNumberField

from hmnp.core import planned

# Of these an instance's value is not what JSON has for the column.
_CONVERTED = (RangeField, PhoneNumberField)


@dataclass(frozen=True)
class How:
    """How a table's rows are written: `computed` columns are SQL, in which `r` is the row as sent;
    with `keeps_twins` one that violates a unique constraint is left out.
    """

    computed: tuple[tuple[str, str], ...] = ()
    keeps_twins: bool = False


PLAINLY = How()


@dataclass(frozen=True)
class Beside:
    """A statement that runs with the rows: `sql` finds its `document` as `sent.beside`."""

    sql: str
    document: dict[str, Any]


class Rows:
    """Rows that wait to be written together."""

    def __init__(self, *rows: models.Model) -> None:
        self._waiting: list[models.Model] = []
        self._how: dict[type[models.Model], How] = {}
        self._beside: Beside | None = None
        for row in rows:
            self.add(row)

    def add(self, row: models.Model, *, how: How = PLAINLY) -> None:
        """Let a new row be written with the others; it may change until then."""
        self._waiting.append(row)
        self._how[type(row)] = how

    def beside(self, beside: Beside) -> None:
        """Let one more statement run with them."""
        self._beside = beside

    def is_waiting(self, row: models.Model) -> bool:
        """Tell whether a row is still to be written, so that nobody else can have seen it."""
        return any(one is row for one in self._waiting)

    def write(self) -> None:
        """Write what waits, in the caller's transaction. Raises Django's database errors."""
        if not self._waiting and self._beside is None:
            return
        document: dict[str, Any] = {}
        for row in self._waiting:
            table, how = row._meta.db_table, self._how[type(row)]
            document.setdefault(table, []).append(
                {
                    column: convert(getattr(row, name)) if convert else getattr(row, name)
                    for name, column, convert in _columns(type(row), how)
                }
            )
        if self._beside is not None:
            document["beside"] = self._beside.document
        sql = _statement(
            tuple((model, how) for model, how in self._how.items()),
            self._beside.sql if self._beside else "",
        )
        planned.ask(sql=sql, values=[_json(document)])
        for row in self._waiting:
            row._state.adding, row._state.db = False, connection.alias
        self._waiting, self._how, self._beside = [], {}, None


Column = tuple[str, str, Callable[[Any], Any] | None]


@lru_cache
def _columns(model: type[models.Model], how: How) -> tuple[Column, ...]:
    """Give the attribute and column of everything that the database does not fill in itself."""
    computed = dict(how.computed)
    found: list[Column] = []
    for field in model._meta.local_concrete_fields:
        is_filled_in = (
            isinstance(field, models.AutoField)
            or field.generated
            or (field.db_default is not NOT_PROVIDED and field.default is NOT_PROVIDED)
        )
        if not is_filled_in and field.column not in computed:
            convert = _convert(field) if isinstance(field, _CONVERTED) else None
            found.append((field.attname, str(field.column), convert))
    return tuple(found)


def _convert(field: models.Field[Any, Any]) -> Callable[[Any], Any]:
    if isinstance(field, RangeField):
        return lambda value: _range_text(field.get_prep_value(value))
    return field.get_prep_value


def _range_text(value: Any) -> str | None:
    if value is None:
        return None
    lower = "" if value.lower is None else _plain(value.lower)
    upper = "" if value.upper is None else _plain(value.upper)
    return f"{value.bounds[0]}{lower},{upper}{value.bounds[1]}"


@lru_cache
def _statement(tables: tuple[tuple[type[models.Model], How], ...], beside: str) -> str:
    parts = ["sent AS MATERIALIZED (SELECT document, document -> 'beside' AS beside"]
    parts[0] += " FROM (SELECT %s::jsonb AS document) AS one)"
    if beside:
        parts.append(f"beside AS ({beside})")
    parts += [f"t{number} AS ({_insert(model, how)})" for number, (model, how) in enumerate(tables)]
    return f"WITH {', '.join(parts)} SELECT 1"


def _insert(model: type[models.Model], how: How) -> str:
    quote = connection.ops.quote_name
    table = model._meta.db_table
    sent = [quote(column) for _, column, _ in _columns(model, how)]
    columns = [*sent, *(quote(column) for column, _ in how.computed)]
    values = [*(f"r.{column}" for column in sent), *(sql for _, sql in how.computed)]
    return (
        f"INSERT INTO {quote(table)} ({', '.join(columns)})"  # noqa: S608 -- the models' own names
        f" SELECT {', '.join(values)} FROM sent,"
        f" jsonb_populate_recordset(NULL::{quote(table)}, sent.document -> '{table}') AS r"
        + (" ON CONFLICT DO NOTHING" if how.keeps_twins else "")
    )


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> str:
    match value:
        case datetime() | date():
            return value.isoformat()
        case UUID():
            return str(value)
        case timedelta():
            return f"{value.days} days {value.seconds}.{value.microseconds:06} seconds"
    raise TypeError(f"{type(value).__name__} cannot be written with other rows")

"""Many rows at once, by COPY: for what is taken over from elsewhere, where every row counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import connection, models
from django.db.models.fields import NOT_PROVIDED

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": None})
_NULL = "\\N"


def copy_in(*, model: type[models.Model], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows in the caller's transaction and give how many; keys are column attributes.

    All rows name the same columns; the others get the model's default, or the database's. No
    `save`, no signal, no validation: the database's own constraints and triggers judge.
    """
    rows = list(rows)
    if not rows:
        return 0
    named = set(rows[0])
    columns: list[str] = []
    values: list[Callable[[Mapping[str, Any]], str]] = []
    for field in model._meta.concrete_fields:
        if field.attname in named:
            values.append(_reader(field.attname))
        elif isinstance(field, models.AutoField) or field.db_default is not NOT_PROVIDED:
            continue
        else:
            values.append(_constant(_text(field.get_default())))
        columns.append(connection.ops.quote_name(str(field.column)))
    table = connection.ops.quote_name(model._meta.db_table)
    lines = "".join("\t".join([value(row) for value in values]) + "\n" for row in rows)
    with connection.cursor() as cursor:
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with cursor.copy(statement) as copy:  # the driver's own
            copy.write(lines.encode())
    return len(rows)


def _reader(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda row: _text(row[name])


def _constant(text: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda _: text


def _text(value: Any) -> str:
    """Write one value as COPY's text format wants it."""
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, str):
        return str(value).translate(_ESCAPES)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict | list):
        return json.dumps(value).translate(_ESCAPES)
    return str(value)

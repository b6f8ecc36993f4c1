"""Many rows at once, by COPY: for what is taken over from elsewhere, where every row counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from django.db import connection, models
from django.db.models.fields import NOT_PROVIDED

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": None})
_NULL = "\\N"


def copy_in(*, model: type[models.Model], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows in the caller's transaction and give how many; keys are column attributes.

    All rows name the same columns; the others get the model's default, or the database's. No
    `save`, no signal, no validation: the database's own constraints and triggers judge. Raises
    Django's database errors.
    """
    rows = list(rows)
    if not rows:
        return 0
    columns: list[str] = []
    names: list[str] = []
    usual: list[tuple[str, str]] = []
    for field in model._meta.concrete_fields:
        column = connection.ops.quote_name(str(field.column))
        if field.attname in rows[0]:
            columns.append(column)
            names.append(field.attname)
        elif not isinstance(field, models.AutoField) and field.db_default is NOT_PROVIDED:
            usual.append((column, _text(field.get_default())))
    tail = "".join(f"\t{text}" for _, text in usual)
    read = itemgetter(*names)
    columns += [column for column, _ in usual]
    table = connection.ops.quote_name(model._meta.db_table)
    lines = copy_text([read(row) for row in rows], tail=tail)
    with connection.wrap_database_errors, connection.cursor() as cursor:
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with cursor.copy(statement) as copy:  # the driver's own
            copy.write(lines)
    return len(rows)


def copy_text(rows: Iterable[Sequence[Any]], *, tail: str = "") -> bytes:
    """Write rows as COPY's text format, each ending with `tail`."""
    return "".join(["\t".join(map(_text, row)) + tail + "\n" for row in rows]).encode()


def _text(value: Any) -> str:
    """Write one value as COPY's text format wants it."""
    return _WRITERS.get(type(value), str)(value)


def _escaped(text: str) -> str:
    return text if text.isalnum() else text.translate(_ESCAPES)


def _json(value: Any) -> str:
    return json.dumps(value).replace("\\", "\\\\")


_WRITERS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: _NULL,
    bool: lambda value: "t" if value else "f",
    str: _escaped,
    datetime: datetime.isoformat,
    dict: _json,
    list: _json,
}

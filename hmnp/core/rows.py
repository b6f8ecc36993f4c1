"""A model's insert as SQL, to be joined with what is written in the same statement."""

from __future__ import annotations

from typing import Any

from django.db import connection, models
from django.db.models.sql import InsertQuery


def insert_statement(row: models.Model) -> tuple[str, tuple[Any, ...]]:
    """Give the statement that inserts a new row, and its values."""
    fields = [field for field in row._meta.local_concrete_fields if not field.generated]
    query = InsertQuery(type(row))
    query.insert_values(fields, [row])
    ((sql, values),) = query.get_compiler(connection=connection).as_sql()
    return sql, tuple(values)

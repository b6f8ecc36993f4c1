"""What is written together is what the ORM would have written, in every column of every table."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.contrib.postgres.fields import DateTimeRangeField
from django.db import connection, models
from django.db.models.fields import NOT_PROVIDED
from phonenumber_field.modelfields import PhoneNumberField

from bookings.models import Booking, SlotClaim, TimelineEvent
from hmnp.core.rows import How, Rows
from integrations.models import OutboxJob
from payments.models import Payment

WHEN = datetime(2027, 3, 2, 10, 0, 1, 234567, tzinfo=ZoneInfo("America/Chicago"))
# By the first class that fits; text is cut to what the column takes.
SOMETHING: list[tuple[type[models.Field[Any, Any]], Any]] = [
    (PhoneNumberField, "+17135550188"),
    (models.JSONField, {"a": [1, None, {"é": 'x"\\'}], "b": True}),
    (models.UUIDField, UUID(int=7)),
    (models.ForeignKey, UUID(int=8)),
    (DateTimeRangeField, (WHEN, WHEN + timedelta(minutes=35))),
    (models.DateTimeField, WHEN),
    (models.DurationField, timedelta(days=3, seconds=1, microseconds=5)),
    (models.BooleanField, True),
    (models.IntegerField, 7),
    (models.GenericIPAddressField, "2001:db8::1"),
    (models.CharField, 'Zoë\n"\\ %s %(a)s $1 \t李'),
]
TABLES: list[tuple[type[models.Model], How]] = [
    (SlotClaim, How()),
    (Booking, How()),
    (TimelineEvent, How()),
    (Payment, How()),
    (OutboxJob, How(keeps_twins=True)),
]


def _filled(model: type[models.Model]) -> models.Model:
    row = model()
    for field in model._meta.local_concrete_fields:
        is_ours = field.db_default is NOT_PROVIDED or field.default is not NOT_PROVIDED
        if isinstance(field, models.AutoField) or not is_ours:
            continue
        value = next(value for kind, value in SOMETHING if isinstance(field, kind))
        if isinstance(field, models.ForeignKey) and not isinstance(
            field.target_field, models.UUIDField
        ):
            value = 9
        if isinstance(value, str) and field.max_length:
            value = value[: field.max_length]
        setattr(row, field.attname, value)
    return row


def _stored(model: type[models.Model]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT to_jsonb(t)::text FROM {model._meta.db_table} AS t")  # noqa: S608 -- our own
        found = [row[0] for row in cursor.fetchall()]
        cursor.execute(f"DELETE FROM {model._meta.db_table}")  # noqa: S608 -- our own
    return found


@pytest.mark.django_db
@pytest.mark.parametrize(("model", "how"), TABLES, ids=lambda one: getattr(one, "__name__", ""))
def test_every_column_is_as_the_orm_writes_it(model: type[models.Model], how: How) -> None:
    with connection.cursor() as cursor:
        # In the way of the real one, without its constraints, until the test is undone.
        table = model._meta.db_table
        cursor.execute(f"CREATE TEMP TABLE {table} (LIKE public.{table} INCLUDING DEFAULTS)")
        if isinstance(model._meta.pk, models.AutoField):
            cursor.execute(f"ALTER TABLE {table} ALTER id SET DEFAULT 1")
    _filled(model).save(force_insert=True)
    by_the_orm = _stored(model)
    rows = Rows()
    rows.add(_filled(model), how=how)
    rows.write()
    assert _stored(model) == by_the_orm
    assert len(by_the_orm) == 1

"""pytest plugin: empty the tables after a test that commits, without Django's `flush`.

`flush` truncates every table, which gives each one new files, and makes all content types and
permissions anew: a quarter of a second of work after each of hundreds of tests. Deleting the few
rows that are there leaves the same state in a fraction of that.
"""

from collections.abc import Iterable
from functools import cache

from django.db import connection, transaction
from django.test import TransactionTestCase

# What `migrate` fills and no test changes; `flush` would fill them with the same again.
KEPT = {"auth_permission", "django_content_type"}

_flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]  # Django's own


@cache
def _tables() -> list[str]:
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return sorted(set(names) - KEPT)


@cache
def _never_truncated() -> set[str]:
    """Name the tables whose triggers refuse it; an owner may turn those off."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgtype & 32 <> 0")
        return {name for (name,) in cursor.fetchall()}


@cache
def _is_superuser() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        return bool(cursor.fetchone()[0])


def delete_all_rows(*, spared: Iterable[str] = ()) -> None:
    """Empty every table but those in KEPT, once whoever still writes is done.

    Spared are tables whose names begin with one of these; none may refer to one that is not.
    """
    tables = [name for name in _tables() if not name.startswith(tuple(spared))]
    filled = [f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in tables]  # noqa: S608 - our own names
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(" UNION ALL ".join(filled))
        names = [name for (name,) in cursor.fetchall()]
        if not _is_superuser():
            kept = sorted(_never_truncated() & set(tables))
            cursor.execute("; ".join(f"ALTER TABLE {name} DISABLE TRIGGER USER" for name in kept))
            cursor.execute(f"TRUNCATE {', '.join(tables)}")
            cursor.execute("; ".join(f"ALTER TABLE {name} ENABLE TRIGGER USER" for name in kept))
        elif names:
            # Passes over foreign keys, as all rows go, and the triggers that keep some for good.
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("; ".join(f"DELETE FROM {name}" for name in names))  # noqa: S608 - our own names


def _empty(case: TransactionTestCase) -> None:
    """Do what _fixture_teardown does for a test that asks for nothing special."""
    if case.available_apps is not None or case.serialized_rollback:
        _flush(case)
    else:
        delete_all_rows()


def pytest_configure() -> None:
    """Put it in the place of Django's own."""
    TransactionTestCase._fixture_teardown = _empty  # type: ignore[attr-defined]  # Django's own

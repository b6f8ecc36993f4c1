"""The connection's patience, and that no migration stops a site that is running."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.core.management import call_command
from django.core.management.commands import migrate
from django.db import connection, migrations
from django.db.migrations.loader import MigrationLoader

from hmnp.core.postgres.base import DatabaseWrapper

# The last migration of each app that was written before there was anything to keep running.
FIRST_RELEASE = {
    "accounts": 6,
    "bookings": 11,
    "core": 5,
    "desk": 7,
    "integrations": 12,
    "payments": 8,
    "rollout": 3,
    "services": 5,
}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("statement_timeout", "10s"),
        ("lock_timeout", "3s"),
        ("idle_in_transaction_session_timeout", "15s"),
    ],
)
def test_a_connection_is_patient_for_so_long(name: str, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        assert cursor.fetchone() == (value,)


def test_a_connection_that_died_is_replaced_within_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[bool] = []
    kept = DatabaseWrapper({**connection.settings_dict, "CONN_HEALTH_CHECKS": True})

    def look() -> bool:
        looks.append(True)
        return True

    monkeypatch.setattr(kept, "is_usable", look)
    monkeypatch.setattr(kept, "connection", object())
    monkeypatch.setattr(kept, "health_check_enabled", True, raising=False)
    for at in (100.0, 100.4, 100.9, 101.1, 101.2):
        kept.health_check_done = False
        monkeypatch.setattr("hmnp.core.postgres.base.time.monotonic", lambda at=at: at)
        kept.close_if_health_check_failed()
    assert len(looks) == 2


def test_connections_are_kept_and_looked_at_before_they_are_used() -> None:
    database = settings.DATABASES["default"]
    assert (database["CONN_MAX_AGE"], database["CONN_HEALTH_CHECKS"]) == (60, True)
    assert database["ATOMIC_REQUESTS"] is False


@pytest.mark.django_db
def test_a_migration_waits_little_and_works_long(monkeypatch: pytest.MonkeyPatch) -> None:
    def show(*_: object, **__: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
            )
            assert cursor.fetchone() == ("5s", "0")

    monkeypatch.setattr(migrate.Command, "handle", show)
    call_command("migrate", verbosity=0)
    with pytest.raises(AssertionError):
        show()


def unsafe(migration: migrations.Migration) -> Iterator[str]:
    """Name what would keep everybody from a table that is there while its rows are read."""
    new = {
        operation.name_lower
        for operation in migration.operations
        if isinstance(operation, migrations.CreateModel)
    }
    for operation in migration.operations:
        table = getattr(operation, "model_name_lower", "")
        if table in new:
            continue
        match operation:
            case AddIndexConcurrently():
                if migration.atomic:
                    yield f"{operation.describe()}: needs atomic = False"
            case migrations.AddIndex():
                yield f"{operation.describe()}: use AddIndexConcurrently"
            case AddConstraintNotValid():
                pass
            case migrations.AddConstraint():
                yield f"{operation.describe()}: use AddConstraintNotValid, then ValidateConstraint"


def test_no_migration_since_the_first_release_stops_the_site() -> None:
    loader = MigrationLoader(None)
    ours = {config.label for config in apps.get_app_configs()} & FIRST_RELEASE.keys()
    found = [
        f"{label}.{name}: {fault}"
        for (label, name), migration in loader.disk_migrations.items()
        if label in ours and int(name[:4]) > FIRST_RELEASE[label]
        for fault in unsafe(migration)
    ]
    assert found == []


def test_an_unsafe_migration_is_told() -> None:
    (first,) = (
        migration
        for key, migration in MigrationLoader(None).disk_migrations.items()
        if key == ("bookings", "0006_taken_over")
    )
    assert any("AddIndexConcurrently" in fault for fault in unsafe(first))

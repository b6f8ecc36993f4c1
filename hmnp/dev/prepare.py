"""Bring the database up to date and load what a developer needs, in one start of Django."""

import io
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def main(logins: Path) -> None:
    """Migrate, load catalogue and demo data, collect static files; write the demo logins down."""
    django.setup()
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    _say(f"migrating the database: {len(missing)} to apply")
    call_command("migrate", interactive=False, verbosity=0)
    _say("loading the catalogue")
    call_command("load_catalogue")
    _say("loading the demo notaries, staff user and partner")
    shown = io.StringIO()
    call_command("load_demo", stdout=shown)
    logins.write_text(shown.getvalue(), "utf-8")
    if "Manifest" in settings.STORAGES["staticfiles"]["BACKEND"]:
        _say("collecting static files")
        call_command("collectstatic", interactive=False, verbosity=0)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Bring the database up to date and load what a developer needs, in one start of Django."""

import hashlib
import io
import sys
from pathlib import Path

import django
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
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
    call_command("grant_app_role", stdout=io.StringIO())
    _say("loading the catalogue")
    call_command("load_catalogue")
    call_command("load_roles", stdout=io.StringIO())
    _say("loading the demo notaries, staff and partner")
    shown = io.StringIO()
    call_command("load_demo", stdout=shown)
    logins.write_text(shown.getvalue(), "utf-8")
    _collect_static_files()


def _collect_static_files() -> None:
    """Collect them where their hashes are needed, unless none has changed since the last time."""
    is_hashed = "Manifest" in settings.STORAGES["staticfiles"]["BACKEND"]
    if not is_hashed or settings.STATIC_ROOT is None:
        return
    root = Path(settings.STATIC_ROOT)
    stamp = root / ".collected"
    fingerprint = _fingerprint_of_static_files()
    if stamp.exists() and stamp.read_text("ascii") == fingerprint:
        return
    _say("collecting static files")
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(fingerprint, "ascii")


def _fingerprint_of_static_files() -> str:
    """Hash the names, sizes and times of every file that would be collected."""
    found = hashlib.sha256()
    for finder in get_finders():
        for path, storage in sorted(finder.list(None), key=lambda pair: pair[0]):
            details = Path(storage.path(path)).stat()
            found.update(f"{path} {details.st_size} {details.st_mtime_ns}\n".encode())
    return found.hexdigest()


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

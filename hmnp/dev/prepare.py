"""Bring the database up to date and load what a developer needs, in one start of Django."""

import io
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command


def main(logins: Path) -> None:
    """Migrate, load catalogue and demo data, collect static files; write the demo logins down."""
    django.setup()
    _say("migrating the database")
    call_command("migrate", interactive=False, verbosity=1)
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

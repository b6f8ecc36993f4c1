"""Django's `migrate`, kind to a site that is running: it waits little and works long."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate
from django.db import connections


class Command(migrate.Command):
    """Give up on a lock after five seconds, never on a statement for the time it takes.

    Who waits for a lock on a table makes everybody behind it wait; a check of old rows or an index
    built beside the traffic may take minutes and is in nobody's way.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate."""
        connection = connections[options["database"]]
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'; SET statement_timeout = 0")
        try:
            super().handle(*args, **options)
        finally:
            # Tests go on with this connection.
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout; RESET statement_timeout")

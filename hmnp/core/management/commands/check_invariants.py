"""`manage.py check_invariants`: look, read-only, for rows that are not as they must be."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from hmnp.core import invariants

_POLL_SECONDS = 0.5


class Command(BaseCommand):
    help = "Check that every invariant holds; exit with 1 when one does not."
    # Looks at rows only; the code's own checks have nothing to say about them.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how long to let the queues drain first."""
        parser.add_argument(
            "--wait",
            type=float,
            default=0.0,
            metavar="SECONDS",
            help="let workers do what is due first, at most this long",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Wait, check in one snapshot, print a table."""
        self._wait(seconds=options["wait"])
        rules = invariants.all_invariants()
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            # One moment for all of them: between two reads money may move.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL statement_timeout = '120s'")
            breaches = invariants.find_breaches(cursor=cursor, invariants=rules)
        for rule in rules:
            count = sum(breach.name == rule.name for breach in breaches)
            verdict = f"{count} BROKEN" if count else "holds"
            self.stdout.write(f"{rule.code:<4} {rule.name:<42} {verdict:<10} {rule.says}")
        for breach in breaches:
            self.stdout.write(f"{breach.code:<4} {breach.name}: {breach.subject} {breach.detail}")
        if breaches:
            raise CommandError(f"{len(breaches)} breaches", returncode=1)
        self.stdout.write(f"All {len(rules)} invariants hold.")

    def _wait(self, *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with connection.cursor() as cursor:
                due = invariants.count_due(cursor=cursor, backlogs=invariants.all_backlogs())
            if not due or time.monotonic() >= deadline:
                break
            time.sleep(_POLL_SECONDS)
        for name, count in due.items():
            self.stdout.write(f"still due: {count} {name}")

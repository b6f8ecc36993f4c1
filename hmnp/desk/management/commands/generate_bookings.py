"""`manage.py generate_bookings`: years of made-up bookings, to measure on."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from hmnp.dev.history.generate import generate


class Command(BaseCommand):
    help = (
        "Write made-up notaries and years of their bookings, as many as asked for, with payments, "
        "books, timelines and mails. For a database to measure on; refused in production."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take how many, and the seed."""
        parser.add_argument("--bookings", type=int, default=10_000)
        parser.add_argument("--notaries", type=int, default=20)
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Write them, and say how fast that was."""
        if not settings.SANDBOX_URL:
            raise CommandError("Made-up bookings are for a database beside the sandbox only.")
        if options["bookings"] < 1 or options["notaries"] < 1:
            raise CommandError("There must be a booking and a notary.")
        try:
            done = generate(
                bookings=options["bookings"],
                notaries=options["notaries"],
                seed=options["seed"],
                say=self.stdout.write,
            )
        except ValueError as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(
            f"{done.bookings:,} bookings of {done.notaries:,} notaries, {done.rows:,} rows in "
            f"{done.seconds:.1f} s ({done.rows / done.seconds:,.0f} rows/s)"
        )

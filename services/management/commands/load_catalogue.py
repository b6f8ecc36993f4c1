"""Load the catalogue's data files."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from services.actions.load_catalogue import load_catalogue


class Command(BaseCommand):
    help = (
        "Insert the services, areas, rates and rules that are missing. What is there is staff's "
        "and stays as it is, unless --force."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --force and --demo."""
        parser.add_argument(
            "--force", action="store_true", help="overwrite what staff changed with the data files"
        )
        parser.add_argument("--demo", action="store_true", help="also load the demo promo codes")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Load, and say how many rows of each kind."""
        counts = load_catalogue(is_overwriting=options["force"], with_demo=options["demo"])
        for what, count in sorted(counts.items()):
            self.stdout.write(f"{count:3d} {what}")

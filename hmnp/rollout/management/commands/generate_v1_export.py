"""manage.py generate_v1_export: an export as V1 might have made it, to rehearse with."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from hmnp.rollout.generated_export import write_export


class Command(BaseCommand):
    help = "Write a made-up, dirty export of V1: the same seed and day, the same bytes."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take how much, from which seed, and where to."""
        parser.add_argument("path", type=Path)
        parser.add_argument("--rows", type=int, default=100_000, help="bookings (100,000)")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--day", help="the export's day, YYYY-MM-DD (today)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it, and say what is wrong with it on purpose."""
        now = timezone.now()
        if options["day"]:
            now = datetime.fromisoformat(options["day"]).replace(tzinfo=UTC)
        now = now.replace(hour=12, minute=0, second=0, microsecond=0)
        with options["path"].open("w", encoding="utf-8") as file:
            dirt = write_export(file=file, bookings=options["rows"], seed=options["seed"], now=now)
        self.stdout.write(f"{options['rows']:,} bookings in {options['path']}")
        for name, number in sorted(dirt.items()):
            self.stdout.write(f"  {number:>8,} {name}")

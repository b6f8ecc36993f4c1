"""manage.py import_v1: take V1's data over; run again, it changes nothing."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from hmnp.rollout.importing import engine
from hmnp.rollout.importing.dry_run import rehearse
from hmnp.rollout.importing.report import reconcile, write_rejects
from hmnp.rollout.importing.sources import Database, JsonLines, Source

_WIDTH = 30


class Command(BaseCommand):
    help = "Take over V1's services, promo codes, notaries, bookings and payments."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take an export or a database, and how."""
        parser.add_argument("export", nargs="?", type=Path, help="a file or directory: see docs")
        parser.add_argument("--from-database", metavar="URL", help="read V1's PostgreSQL itself")
        parser.add_argument("--schema", default="public", help="its schema (public)")
        parser.add_argument("--dry-run", action="store_true", help="write nothing, report only")
        parser.add_argument("--rejects", type=Path, help="where refused rows go (JSON lines)")
        parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 4))
        parser.add_argument(
            "--stripe-is-not-shared",
            action="store_true",
            help="V1 charged on another Stripe account than ours",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, report, compare. Exit code 1 when counts or money do not agree."""
        source = self._source(options)
        now = timezone.now()
        if options["dry_run"]:
            for line in rehearse(source=source, now=now, progress=self._progress):
                self.stdout.write(line)
            return
        self._check_stripe(options)
        began = time.monotonic()
        try:
            run = engine.import_all(
                source=source, now=now, progress=self._progress, jobs=options["jobs"]
            )
        except engine.AnotherImportRuns:
            raise CommandError("Another import is running.") from None
        except psycopg.OperationalError as error:
            raise CommandError(f"V1's database does not answer: {error}") from None
        seconds = time.monotonic() - began
        self._end_progress()
        report = reconcile(staged=run.staged)
        for line in report.lines:
            self.stdout.write(line)
        rejects = options["rejects"] or self._beside(options)
        refused = write_rejects(path=rejects, staged=run.staged)
        self.stdout.write(f"\n{refused:,} refused rows are in {rejects} (personal data)")
        for line in _speed(run, seconds):
            self.stdout.write(line)
        if report.differences:
            raise CommandError("Not everything agrees:\n  " + "\n  ".join(report.differences))
        self.stdout.write(self.style.SUCCESS("Counts and money agree."))

    def _source(self, options: dict[str, Any]) -> Source:
        if bool(options["export"]) == bool(options["from_database"]):
            raise CommandError("Name an export, or a database with --from-database.")
        if options["from_database"]:
            return Database(options["from_database"], schema=options["schema"])
        try:
            return JsonLines(options["export"])
        except FileNotFoundError as error:
            raise CommandError(str(error)) from None

    def _check_stripe(self, options: dict[str, Any]) -> None:
        """Refuse while the nightly comparison would give V1's charges back as nobody's."""
        if settings.STRIPE_REFUND_UNKNOWN_CHARGES and not options["stripe_is_not_shared"]:
            raise CommandError(
                "V1's charges that name no intent would be refunded as unknown: set "
                "STRIPE_REFUND_UNKNOWN_CHARGES=0 while V1 shares our Stripe account, or say "
                "--stripe-is-not-shared."
            )

    @staticmethod
    def _beside(options: dict[str, Any]) -> Path:
        export: Path | None = options["export"]
        if export is None:
            return Path("v1.rejects.jsonl")
        return export.with_name(f"{export.name.split('.')[0]}.rejects.jsonl")

    def _progress(self, what: str, done: int, total: int) -> None:
        if not self.stderr.isatty():
            return
        share = min(done / max(total, 1), 1.0)
        bar = "#" * round(share * _WIDTH)
        self.stderr.write(f"\r{what:9} [{bar:<{_WIDTH}}] {share:4.0%} ", ending="")

    def _end_progress(self) -> None:
        if self.stderr.isatty():
            self.stderr.write("")


def _speed(run: engine.Run, seconds: float) -> Iterator[str]:
    """Say how fast it went, each part for itself."""
    if run.bulk and run.bulk_seconds:
        rate = run.bulk / run.bulk_seconds
        yield f"{run.bulk:,} bookings in bulk: {run.bulk_seconds:.1f} s, {rate:,.0f} a second"
    if run.live:
        yield f"{run.live:,} to come, each claimed: {run.live_seconds:.1f} s"
    if run.bookings:
        yield f"all of it, the reading included: {seconds:.1f} s"

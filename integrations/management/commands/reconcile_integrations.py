"""`manage.py reconcile_integrations`: compare every outside system with the bookings."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from integrations import reconciliation
from integrations.connectors import RECONCILERS
from integrations.errors import ConnectorError, Postponed


class Command(BaseCommand):
    help = "Compare the outside systems with the bookings; exit with 1 on a difference."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whether to put right what is found."""
        parser.add_argument(
            "--look-only", action="store_true", help="write no jobs and open no cases"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask each system, print a line a difference, put each right."""
        found = 0
        silent = []
        used = {
            destination: differences
            for destination, differences in RECONCILERS.items()
            if destination.value not in settings.INTEGRATIONS_OFF
        }
        for destination, differences in used.items():
            try:
                for difference in differences(now=timezone.now()):
                    found += 1
                    self.stdout.write(
                        f"{difference.system:<16} {difference.external_id:<36} "
                        f"{difference.repair:<7} {difference.what}"
                    )
                    if not options["look_only"]:
                        reconciliation.repair(difference=difference)
            except (ConnectorError, Postponed) as problem:
                silent.append(destination.value)
                self.stderr.write(f"{destination.value} could not be asked: it {problem.reason}")
        if found or silent:
            asked = f"; could not ask {', '.join(silent)}" if silent else ""
            raise CommandError(f"{found} differences{asked}", returncode=1)
        self.stdout.write(f"{len(used)} systems hold what they should.")

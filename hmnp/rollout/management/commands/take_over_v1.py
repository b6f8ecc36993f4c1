"""manage.py take_over_v1: V2 reminds V1's customers, and keeps CRM and calendars, from now on."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from hmnp.rollout.telling import tell_from_here, tell_from_v1


class Command(BaseCommand):
    help = "At the cut-over: take V1's bookings to come on, or give them --back."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take the direction."""
        parser.add_argument("--back", action="store_true", help="V1 tells its customers again")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, one booking at a time; again, it finds nothing left to do."""
        now = timezone.now()
        changed = tell_from_v1(now=now) if options["back"] else tell_from_here(now=now)
        count = sum(1 for _ in changed)
        whose = "V1's" if options["back"] else "ours"
        self.stdout.write(self.style.SUCCESS(f"{count:,} bookings to come are {whose} to tell."))

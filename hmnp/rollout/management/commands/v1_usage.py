"""manage.py v1_usage: who still calls V1's old addresses, and whether V1 can end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Max, Sum
from django.utils import timezone

from hmnp.rollout.models import ShimCall
from hmnp.rollout.usage import QUIET_DAYS, readiness


class Command(BaseCommand):
    help = "Say who still calls V1's old addresses; exit code 1 while V1 cannot end."

    def handle(self, *args: Any, **options: Any) -> None:
        """List the last fortnight's callers, then the verdict."""
        now = timezone.now()
        since = now.date() - timedelta(days=QUIET_DAYS)
        rows = (
            ShimCall.objects.filter(day__gt=since)
            .order_by()
            .values("endpoint", "caller")
            .annotate(n=Sum("calls"), last=Max("last_at"))
            .order_by("-n")
        )
        for row in rows:
            self.stdout.write(
                f"{row['n']:>9,}  {row['endpoint']:32} {row['caller']:24}"
                f" last {row['last']:%F %H:%M}Z"
            )
        found = readiness(now=now)
        days = found.quiet_days(today=now.date())
        self.stdout.write(
            "no call, ever" if days is None else f"last call {days} days ago ({QUIET_DAYS} wanted)"
        )
        self.stdout.write(
            "all switches at 100 %" if found.is_all_v2 else "not all switches at 100 %"
        )
        if not found.is_ready(today=now.date()):
            raise CommandError("V1 cannot end yet.")
        self.stdout.write(self.style.SUCCESS("V1 can end: set V1_ROUTES_GONE=1."))

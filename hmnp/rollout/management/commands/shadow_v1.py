"""manage.py shadow_v1: price and check V1's bookings as V2 would, and list what differs."""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from hmnp.core.money import show
from hmnp.rollout import shadow
from hmnp.rollout.models import V1Row
from hmnp.rollout.states import Table, Verdict
from hmnp.rollout.v1 import context as contexts


class Command(BaseCommand):
    help = "Price and check V1's bookings with V2; nothing but the list of differences is written."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take how far back."""
        parser.add_argument("--days", type=int, default=30, help="made since so many days (30)")
        parser.add_argument("--all", action="store_true", help="every booking there is")
        parser.add_argument("--show", type=int, default=20, help="differences to list (20)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, then count by verdict and list the differences."""
        context = contexts.load(now=timezone.now())
        rows = V1Row.objects.filter(table=Table.BOOKING.value).exclude(state="PENDING")
        if not options["all"]:
            since = (context.now - timedelta(days=options["days"])).isoformat()
            rows = rows.filter(row__createdAt__gte=since)
        verdicts: Counter[str] = Counter()
        shown = 0
        for kept in rows.order_by("-pk").iterator(chunk_size=1000):
            found = shadow.check(kept=kept, context=context)
            verdicts[found.verdict] += 1
            if found.verdict != Verdict.SAME and shown < options["show"]:
                shown += 1
                self.stdout.write(
                    f"{kept.v1_id:40} {found.verdict:11} "
                    f"V1 {_price(found.v1_cents):>10}  V2 {_price(found.v2_cents):>10}  "
                    f"{'; '.join(found.differences)}"
                )
        total = sum(verdicts.values())
        self.stdout.write(f"{total:,} checked")
        for verdict, number in verdicts.most_common():
            self.stdout.write(f"  {verdict:12} {number:>8,}  {number / total:.1%}")


def _price(cents: int | None) -> str:
    return show(cents) if cents is not None else "–"

"""`manage.py reconcile`: compare Stripe's records of money with ours, in both directions."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from hmnp.core.context import Actor, ActorType
from hmnp.core.errors import DomainError
from payments.actions.adopt_refund import adopt_refund
from payments.actions.reconcile_payments import reconcile_payments
from payments.actions.refund_unknown_charge import GRACE
from payments.provider import GatewayError
from payments.reconciliation import Report

DAYS = 7
CONSOLE = Actor(type=ActorType.ADMIN, id="console")


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text} is no ISO date or time") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = (
        "Compare Stripe's payments and refunds with ours; settle what is only behind, open a case "
        "for the rest; exit with 1 when anything differed, 2 when Stripe cannot be asked."
    )
    # Money that differs must be seen also when the code's own checks complain.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how far back to look, and how patient to be with unknown charges."""
        span = parser.add_mutually_exclusive_group()
        span.add_argument("--since", type=_moment, metavar="ISO", help="look back to then (UTC)")
        span.add_argument("--days", type=float, default=DAYS, metavar="N", help="look back N days")
        parser.add_argument(
            "--grace",
            type=float,
            default=GRACE / timedelta(hours=1),
            metavar="HOURS",
            help="how long an unknown charge waits before it is refunded",
        )
        parser.add_argument(
            "--read-only", action="store_true", help="write nothing, here or at Stripe"
        )

        parser.add_argument(
            "--record-refund",
            metavar="re_…",
            help="first count this refund, which was made on Stripe's own page",
        )
        parser.add_argument("--reason", default="", help="why that refund was made; it stays")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare, print a table, exit by what was found."""
        now = timezone.now()
        is_refunding = settings.STRIPE_REFUND_UNKNOWN_CHARGES
        if options["record_refund"]:
            self._adopt(options["record_refund"], options["reason"], now)
        try:
            report = reconcile_payments(
                since=options["since"] or now - timedelta(days=options["days"]),
                now=now,
                grace=timedelta(hours=options["grace"]) if is_refunding else None,
                is_read_only=options["read_only"],
            )
        except GatewayError as error:
            raise CommandError(f"Stripe cannot be asked: {error}", returncode=2) from error
        self._print(report)
        if report.lines:
            raise CommandError(f"{len(report.lines)} differences", returncode=1)

    def _adopt(self, provider_refund_id: str, reason: str, now: datetime) -> None:
        try:
            refund = adopt_refund(
                provider_refund_id=provider_refund_id, note=reason, actor=CONSOLE, now=now
            )
        except (DomainError, GatewayError) as error:
            raise CommandError(f"{provider_refund_id} is not recorded: {error}") from error
        self.stdout.write(
            f"{provider_refund_id}: {refund.amount_cents} cents, {refund.status} here."
        )

    def _print(self, report: Report) -> None:
        rows = [
            (line.found.kind.value, line.found.subject, line.found.detail, line.outcome)
            for line in report.lines
        ]
        if rows:
            rows.insert(0, ("DIFFERENCE", "OBJECT", "WHAT", "OUTCOME"))
        widths = [max(len(row[column]) for row in rows) for column in range(4)] if rows else []
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())
        self.stdout.write(
            f"Compared {report.intents} payments and {report.refunds} refunds of Stripe's: "
            + (f"{len(report.lines)} differences." if report.lines else "no difference.")
        )

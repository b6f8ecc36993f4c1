"""`manage.py partner_statement`: what a partner owes for a month."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from hmnp.accounts.models import Partner
from hmnp.core.money import show
from hmnp.core.times import local_date
from payments.statement_file import outcome, statement_csv
from payments.statements import Month, Statement, month_before, statement_of


def _month(text: str) -> Month:
    try:
        return Month.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


class Command(BaseCommand):
    help = "Print a partner's bookings of a month, what was paid and what is due, and by when."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the partner's name, the month and the form."""
        parser.add_argument("--partner", required=True, help="the partner's name")
        parser.add_argument(
            "--month", type=_month, metavar="YYYY-MM", help="the last one that is over, if omitted"
        )
        parser.add_argument("--csv", action="store_true", help="as a file for a spreadsheet")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the statement."""
        partner = Partner.objects.filter(name=options["partner"]).first()
        if partner is None:
            raise CommandError(f"There is no partner named {options['partner']!r}.", returncode=2)
        now = timezone.now()
        month = options["month"] or month_before(now=now)
        statement = statement_of(partner=partner, month=month)
        if options["csv"]:
            self.stdout.write(statement_csv(statement=statement), ending="")
            return
        self._print(statement, is_over=statement.is_over(now=now))

    def _print(self, statement: Statement, *, is_over: bool) -> None:
        so_far = "" if is_over else ", so far"
        terms = statement.partner.get_terms_display()
        self.stdout.write(f"{statement.partner}, {statement.month}{so_far} ({terms})")
        for line in statement.lines:
            day = local_date(line.ended_at, zone=statement.zone)
            self.stdout.write(
                f"{day}  {line.booking.reference}  {line.booking.service.name}, "
                f"{line.booking.customer_name}: {outcome(line=line)}; charge "
                f"{show(line.charge_cents)}, paid {show(line.paid_cents)}, "
                f"due {show(line.due_cents)}"
            )
            for one in line.price_lines:
                self.stdout.write(f"    {one.label}  {show(one.amount_cents)}")
        self.stdout.write(
            f"Charges {show(statement.charge_cents)}, paid {show(statement.paid_cents)}: "
            f"{show(statement.due_cents)} due on {statement.due_on}"
        )

"""What a partner owes for a month, to read, to print and as a file."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.utils import timezone

from hmnp.accounts.models import Partner, Terms
from hmnp.core.times import midnight
from hmnp.desk.money_forms import PlainForm
from payments.statement_file import file_name, outcome, statement_csv
from payments.statements import Month, Statement, month_before, statement_of

MAY_READ = "payments.view_ledgerentry"


class StatementForm(PlainForm):
    """Whose statement, and of which month."""

    partner = forms.ModelChoiceField(queryset=Partner.objects.all(), empty_label="Choose a partner")
    month = forms.CharField(
        max_length=7,
        widget=forms.TextInput(attrs={"type": "month", "placeholder": "2027-03"}),
        help_text="By the day the appointment was completed, or ended without service.",
    )

    def clean_month(self) -> Month:
        """Read the month."""
        try:
            return Month.parse(self.cleaned_data["month"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


def statement(request: HttpRequest) -> HttpResponse:
    """Ask for a partner and a month; show its statement, or hand it over as a file."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET"])
    if not request.user.has_perm(MAY_READ):
        raise PermissionDenied
    now = timezone.now()
    asked = "partner" in request.GET
    form = StatementForm(request.GET) if asked else StatementForm(initial=_usual(now))
    found = None
    if asked and form.is_valid():
        found = statement_of(partner=form.cleaned_data["partner"], month=form.cleaned_data["month"])
        if request.GET.get("as") == "csv":
            return _file(found)
    context = {
        **admin.site.each_context(request),
        "title": "Partner statement",
        "form": form,
        **(_told(found, now) if found else {}),
    }
    return render(request, "desk/statement.html", context)


def _usual(now: datetime) -> dict[str, Any]:
    partner = Partner.objects.filter(terms=Terms.STATEMENT, is_active=True).first()
    return {"partner": partner, "month": str(month_before(now=now))}


def _told(found: Statement, now: datetime) -> dict[str, Any]:
    return {
        "statement": found,
        "rows": [{"line": line, "outcome": outcome(line=line)} for line in found.lines],
        "zone": found.zone.key,
        "month_begins": midnight(found.month.first_day, zone=found.zone),
        "is_over": found.is_over(now=now),
    }


def _file(found: Statement) -> HttpResponse:
    # The mark tells spreadsheets that it is UTF-8.
    text = "\ufeff" + statement_csv(statement=found)
    name = file_name(statement=found)
    return HttpResponse(
        text,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )

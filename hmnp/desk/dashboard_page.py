"""How it goes: every figure beside its target, over hours, days or weeks."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from hmnp.desk import dashboard_funnel, dashboard_panels
from hmnp.desk.alerts_admin import moment
from hmnp.desk.dashboard_figures import read_figures
from hmnp.desk.dashboard_spans import CHOICES, span_of
from hmnp.desk.models import Alert


def dashboard(request: HttpRequest) -> HttpResponse:
    """Show the figures of the span asked for."""
    if not request.user.has_perm("desk.view_metricbucket"):
        raise PermissionDenied
    span = span_of(code=request.GET.get("span", ""), now=timezone.now())
    figures = read_figures(span=span)
    panels = dashboard_panels.panels(figures)
    context = {
        **admin.site.each_context(request),
        "title": "How it goes",
        "span": span,
        "spans": CHOICES.items(),
        "has_data": figures.since is not None,
        "panels": panels,
        "missed": [panel for panel in panels if panel.is_missed],
        "funnels": dashboard_funnel.funnels(figures),
        "database": dashboard_funnel.database(figures),
        "alerts": [
            {"alert": alert, "since": moment(alert.opened_at)}
            for alert in Alert.objects.filter(closed_at__isnull=True).order_by("opened_at")
        ],
        "may_see_alerts": request.user.has_perm("desk.view_alert"),
    }
    return render(request, "desk/dashboard.html", context)

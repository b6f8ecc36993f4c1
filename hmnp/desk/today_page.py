"""The desk's first page: today and tomorrow of every notary, and what waits for somebody."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.utils import timezone

from bookings.models import Notary
from hmnp.core.pages import length, long_day
from hmnp.core.times import local_date
from hmnp.desk.axis import draw
from hmnp.desk.day_reading import read_days
from hmnp.desk.figures import Figures, read_figures
from hmnp.desk.nothing_yet import refusal_without_reach
from hmnp.desk.outside_page import NAMES
from hmnp.desk.reach import reach_of
from integrations import standing

DAYS = 2
_WEEK = 7


def today(request: HttpRequest) -> HttpResponse:
    """Show what happens today and tomorrow, and what waits; everything leads to its list."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET"])
    reach = reach_of(request.user)
    if refusal := refusal_without_reach(request, reach):
        return refusal
    now, zone = timezone.now(), business_zone()
    first_day = local_date(now, zone=zone)
    days = read_days(first_day=first_day, days=DAYS, zone=zone, notary_ids=reach.notary_ids)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Today",
        "boards": [
            {
                "name": name,
                "day": long_day(day),
                "when": when,
                "drawing": draw(days=[one for one in days if one.day == day], zone=zone, now=now),
            }
            for name, when, day in (
                ("Today", "today", first_day),
                ("Tomorrow", "tomorrow", first_day + timedelta(days=1)),
            )
        ],
        "reach": reach,
        "now": now,
        "zone": zone.key,
        "first_day": first_day.isoformat(),
    }
    if reach.is_all:
        figures = read_figures(first_day=first_day, days=DAYS, zone=zone, now=now)
        context |= {
            "figures": figures,
            "oldest_case": _age(figures, now),
            "lags": [{"lag": lag, "name": NAMES[lag.destination]} for lag in standing.lags()],
        }
    return render(request, "desk/today.html", context)


def week(request: HttpRequest) -> HttpResponse:
    """Show one notary's week, Monday to Sunday; `week` is any day of it, `notary` whose."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET"])
    reach = reach_of(request.user)
    if refusal := refusal_without_reach(request, reach):
        return refusal
    now, zone = timezone.now(), business_zone()
    monday = _monday(request.GET.get("week", ""), local_date(now, zone=zone))
    notaries = list(Notary.objects.order_by("-is_active", "name", "pk"))
    if reach.notary_ids is not None:
        notaries = [one for one in notaries if one.pk in reach.notary_ids]
    chosen = _chosen(request.GET.get("notary", ""), notaries)
    days = (
        read_days(first_day=monday, days=_WEEK, zone=zone, notary_ids=[chosen.pk]) if chosen else []
    )
    context = {
        **admin.site.each_context(request),
        "title": f"Week of {chosen.name}" if chosen else "Week",
        "notaries": notaries,
        "chosen": chosen,
        "drawing": draw(days=days, zone=zone, now=now),
        "monday": monday,
        "sunday": monday + timedelta(days=_WEEK - 1),
        "before": monday - timedelta(days=_WEEK),
        "after": monday + timedelta(days=_WEEK),
        "this_week": local_date(now, zone=zone),
        "zone": zone.key,
    }
    return render(request, "desk/week.html", context)


def business_zone() -> ZoneInfo:
    """Give the zone the company lives in."""
    return ZoneInfo(settings.BUSINESS_TIME_ZONE)


def _age(figures: Figures, now: datetime) -> str:
    """Say how long the oldest case waits, as people say it."""
    if figures.oldest_case_at is None:
        return ""
    return age(figures.oldest_case_at, now=now)


def age(at: datetime, *, now: datetime) -> str:
    """Give how long ago something was: `3 days`, `2 hours`, `5 minutes`."""
    minutes = int((now - at).total_seconds() // 60)
    if minutes >= 2 * 1440:
        return f"{minutes // 1440} days"
    if minutes >= 120:
        return f"{minutes // 60} hours"
    return length(max(minutes, 1))


def _monday(text: str, today_: date) -> date:
    try:
        day = date.fromisoformat(text) if text else today_
    except ValueError:
        raise Http404 from None
    return day - timedelta(days=day.isoweekday() - 1)


def _chosen(text: str, notaries: list[Notary]) -> Notary | None:
    """Give the notary asked for, else the first; somebody else's week is not found."""
    if not text:
        return notaries[0] if notaries else None
    found = next((one for one in notaries if str(one.pk) == text), None)
    if found is None:
        raise Http404
    return found


def require(request: HttpRequest, permission: str) -> None:
    """Refuse whoever lacks a permission."""
    if not request.user.has_perm(permission):
        raise PermissionDenied

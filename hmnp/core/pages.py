"""What every page shares: how days and times are worded, and what is true of each answer."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date, datetime
from functools import wraps
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import render

from hmnp.core.errors import DomainError

View = Callable[..., HttpResponseBase]

_ZONE_NAMES = {
    "America/New_York": "Eastern",
    "America/Chicago": "Central",
    "America/Denver": "Mountain",
    "America/Los_Angeles": "Pacific",
}


def clock(instant: datetime, *, zone: ZoneInfo) -> str:
    """Give the wall-clock time of `instant` in `zone` as people say it: `9:30 am`."""
    local = instant.astimezone(zone)
    return f"{local.hour % 12 or 12}:{local:%M} {'am' if local.hour < 12 else 'pm'}"


def long_day(day: date) -> str:
    """Give a date without its year: `Tuesday 1 December`."""
    return f"{day:%A} {day.day} {day:%B}"


def zone_name(instant: datetime, *, zone: ZoneInfo) -> str:
    """Give the zone as people name it (`Central`), else its abbreviation at `instant`."""
    return _ZONE_NAMES.get(zone.key) or instant.astimezone(zone).tzname() or zone.key


def told_zone(instant: datetime, *, zone: ZoneInfo) -> str:
    """Give `Central`; in the hour the clocks repeat `CDT` or `CST`, to say which of the two."""
    name = zone_name(instant, zone=zone)
    local = instant.astimezone(zone)
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        return local.tzname() or name
    return name


def times(starts_at: datetime, ends_at: datetime, *, zone: ZoneInfo) -> str:
    """Give `9:30 am to 10:30 am Central`."""
    name = told_zone(starts_at, zone=zone)
    return f"{clock(starts_at, zone=zone)} to {clock(ends_at, zone=zone)} {name}"


def appointment(
    starts_at: datetime, ends_at: datetime, *, zone: ZoneInfo, with_year: bool = False
) -> str:
    """Give `Tuesday 1 December, 9:30 am to 10:30 am Central`, with the year where it is kept."""
    day = starts_at.astimezone(zone).date()
    year = f" {day.year}" if with_year else ""
    return f"{long_day(day)}{year}, {times(starts_at, ends_at, zone=zone)}"


def length(minutes: int) -> str:
    """Give a length of time in words: `45 minutes`, `1 hour`, `24 hours`, `1 hour 30 minutes`."""
    hours, rest = divmod(minutes, 60)
    parts = [
        f"{count} {unit}{'' if count == 1 else 's'}"
        for count, unit in ((hours, "hour"), (rest, "minute"))
        if count
    ]
    return " ".join(parts) or "0 minutes"


def new_form_key() -> str:
    """Give the idempotency key of a form, made as its page is loaded."""
    return uuid.uuid4().hex


def page(*methods: str, is_personal: bool = True) -> Callable[[View], View]:
    """Make a view a page: only `methods`, refusals as the error page, kept by no cache.

    `is_personal` is False for what everybody sees alike.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            allowed = (*methods, "HEAD") if "GET" in methods else methods
            if request.method not in allowed:
                return HttpResponseNotAllowed(methods)
            try:
                response = view(request, *args, **kwargs)
            except DomainError as error:
                response = error_page(request, error)
            if is_personal:
                response["Cache-Control"] = "no-store"
            return response

        return answer

    return decorate


def error_page(request: HttpRequest, error: DomainError) -> HttpResponse:
    """Answer a refusal with a page that says what it means and where to go."""
    response = render(request, "error.html", {"error": error}, status=error.status)
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response

"""Count every answer: how long it took, by route and class of status; and who comes to the site.

Nobody is recognised. A visit is a page opened from elsewhere, a first look at the prices one that
was not opened from itself; both are known from the page's own request.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from hmnp.core import tally
from hmnp.core.metrics import REQUEST, STEP

Answer = Callable[[HttpRequest], HttpResponse]

# Machines that look whether the site is up are no callers of it.
_PROBES = frozenset({"healthz", "readyz", "metrics"})
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_ROUTE = "(no such page)"
_ROBOT = re.compile(r"bot|crawl|spider|preview|monitor|curl|wget|python", re.IGNORECASE)

# Of a route, `<uuid:booking_id>` or `(?P<pk>[^/.]+)` becomes `{booking_id}` or `{pk}`.
_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")
_GROUP = re.compile(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)")

_names: dict[str, str] = {}
_visits: dict[str, str] = {}
_prices: dict[str, str] = {}


def count_steps(*, visits: Mapping[str, str], prices: Mapping[str, str]) -> None:
    """Name the pages that are visits, and those that show prices, each with whose they are."""
    _visits.update(visits)
    _prices.update(prices)


def route_name(route: str) -> str:
    """Give a route as people write it: `/manage/{booking_id}`."""
    name = _names.get(route)
    if name is None:
        plain = _GROUP.sub(r"{\1}", route)
        plain = _CONVERTER.sub(r"{\1}", plain)
        name = _names[route] = "/" + re.sub(r"\\Z|[\^$?\\]", "", plain).lstrip("/")
    return name


class RequestMetricsMiddleware:
    """Measure the whole of an answer; to stand outside of all other middleware."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response
        self.static = settings.STATIC_URL

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, and count it."""
        began = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        if match is None:
            # A file, or a page that does not exist.
            if not request.path_info.startswith(self.static):
                seconds = time.perf_counter() - began
                tally.observe(REQUEST, _NO_ROUTE, _status_class(response), seconds=seconds)
            return response
        view = match.view_name
        if view in _PROBES:
            return response
        method = request.method if request.method in _METHODS else "GET"
        tally.observe(
            REQUEST,
            f"{method} {route_name(match.route)}"[:150],
            _status_class(response),
            seconds=time.perf_counter() - began,
        )
        if response.status_code == 200 and (view in _visits or view in _prices):
            _count_step(request, view)
        return response


def _status_class(response: HttpResponse) -> str:
    return f"{response.status_code // 100}xx"


def _count_step(request: HttpRequest, view: str) -> None:
    came_from = request.META.get("HTTP_REFERER", "")
    here = f"{request.scheme}://{request.META.get('HTTP_HOST', '')}"
    if view in _visits and request.method == "GET":
        if not came_from.startswith(here) and _is_person(request):
            tally.count(STEP, _visits[view], "visit")
    elif view in _prices and came_from.partition("?")[0] != here + request.path_info:
        tally.count(STEP, _prices[view], "price")


def _is_person(request: HttpRequest) -> bool:
    agent = request.META.get("HTTP_USER_AGENT", "")
    return bool(agent) and not _ROBOT.search(agent)

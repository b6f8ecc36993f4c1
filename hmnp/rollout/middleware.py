"""Visitors of the pages are sent to V1 while their switch says so."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from hmnp.rollout.states import Capability
from hmnp.rollout.switches import VISITOR_COOKIE, is_v1_there, uses_v2

_KEPT_SECONDS = 90 * 86_400
# What V1 called these pages. A booking that was made here is read, paid and moved here for good.
_V1_PATHS = (
    ("/services/", "/services"),
    ("/book/pay", None),
    ("/book/confirmed", None),
    ("/book/", "/booking"),
)


class RolloutMiddleware:
    """Remembers the visitor, and leads to V1 whoever is not V2's yet."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, or lead away."""
        if not is_v1_there():
            return self._get_response(request)
        known = request.COOKIES.get(VISITOR_COOKIE, "")
        visitor = known or secrets.token_urlsafe(16)
        request.visitor = visitor  # type: ignore[attr-defined]  # ours, for the switches
        response = self._lead_away(request) or self._get_response(request)
        if not known and not request.path.startswith(("/api/", "/admin/", "/healthz", "/readyz")):
            response.set_cookie(
                VISITOR_COOKIE,
                visitor,
                max_age=_KEPT_SECONDS,
                httponly=True,
                samesite="Lax",
                secure=request.is_secure(),
            )
        return response

    @staticmethod
    def _lead_away(request: HttpRequest) -> HttpResponse | None:
        path = v1_path(request.path)
        if path is None or request.method not in ("GET", "HEAD"):
            return None
        if uses_v2(capability=Capability.PAGES, request=request):
            return None
        query = request.META.get("QUERY_STRING", "")
        address = f"{settings.V1_BASE_URL.rstrip('/')}{path}" + (f"?{query}" if query else "")
        # Never remembered: the switch may say otherwise a minute later.
        return HttpResponseRedirect(address, headers={"Cache-Control": "no-store"})


def v1_path(path: str) -> str | None:
    """Give V1's path of a page, None for one that is only ours."""
    if path == "/":
        return "/"
    for ours, theirs in _V1_PATHS:
        if path.startswith(ours):
            return theirs
    return None

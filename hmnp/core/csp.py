"""The content security policy, written once for every answer that keeps to the usual one."""

from __future__ import annotations

from collections.abc import Callable

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# What the package's decorators leave on an answer that has a policy of its own.
_OWN = ("_csp_config", "_csp_update", "_csp_replace", "_csp_exempt")


class PolicyMiddleware(CSPMiddleware):
    """Adds the header; only a page with wishes of its own has its policy put together anew."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        super().__init__(get_response)
        self._usual = build_policy()

    def process_request(self, request: HttpRequest) -> None:
        """Offer no nonce: no page of ours has a script or a style inline."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Add the header."""
        if any(hasattr(response, name) for name in _OWN):
            return super().process_response(request, response)
        response.headers.setdefault(HEADER, self._usual)
        return response

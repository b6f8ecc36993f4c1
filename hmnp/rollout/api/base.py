"""What V1's old addresses share: its error shape, the headers that say they end, the counting."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from hmnp.accounts.permissions import ByTable
from hmnp.accounts.principals import Kind, Principal, principal_of
from hmnp.core.api.errors import as_domain_error, error_headers
from hmnp.core.api.views import ApiViewSet
from hmnp.core.errors import DomainError
from hmnp.core.request_id import current_request_id
from hmnp.rollout.api.forwarding import forward
from hmnp.rollout.states import Capability
from hmnp.rollout.switches import uses_v2
from hmnp.rollout.usage import count_call

logger = logging.getLogger(__name__)

# V1's own words where it had some; every other code is ours.
_CODES = {"SLOT_TAKEN": "TIME_CONFLICT", "SLOT_UNAVAILABLE": "TIME_CONFLICT"}


class Gone(DomainError):
    code = "GONE"
    status = 410
    message = "V1 has ended. Use /api/v2 instead."


def v1_error(error: DomainError) -> dict[str, Any]:
    """Give an error as V1 did."""
    code = _CODES.get(error.code, error.code)
    return {
        "success": False,
        "error": "TIME_UNAVAILABLE" if code == "TIME_CONFLICT" else error.message,
        "message": error.message,
        "code": code,
        "requestId": current_request_id(),
        "details": {**error.details, **({"field": error.field} if error.field else {})} or None,
        "timestamp": datetime.now(tz=UTC).isoformat(),
    }


def v1_exception_handler(exception: Exception, context: Mapping[str, Any]) -> Response:
    """Turn whatever a view raised into V1's error."""
    error = as_domain_error(exception)
    if error.status >= 500 and not isinstance(exception, DomainError):
        logger.error("unhandled error", exc_info=exception, extra={"code": error.code})
    return Response(v1_error(error), status=error.status, headers=error_headers(error))


class V1ViewSet(ApiViewSet):
    """One of V1's resources, served by V2's actions, or by V1 while its switch says so.

    `capabilities` says, by action, which switch decides; an action that is not in it is only ours.
    """

    permission_classes = [ByTable]
    schema = None
    capabilities: Mapping[str, Capability] = {}

    def get_exception_handler(self) -> Callable[..., Response]:
        """Answer in V1's shape."""
        return v1_exception_handler

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse everything once V1 has ended."""
        if settings.V1_ROUTES_GONE:
            raise Gone
        # Read once, before it is parsed: V1 may have to be sent it as it came.
        request._request.body  # noqa: B018  # reading it is what counts
        super().initial(request, *args, **kwargs)

    def body(self, request: Request) -> dict[str, Any]:
        """Give the JSON object that was sent; the parser takes nothing else."""
        return dict(request.data)

    def in_v1(self, request: Request) -> HttpResponse | None:
        """Give V1's own answer if this caller is V1's still. Raises `ServiceUnavailable`."""
        capability = self.capabilities.get(str(self.action))
        if capability is None or uses_v2(
            capability=capability, request=request._request, principal=principal_of(request)
        ):
            return None
        return forward(request)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Say in every answer that the address ends, and count it."""
        finished = super().finalize_response(request, response, *args, **kwargs)
        for name, value in farewell().items():
            finished.headers[name] = value
        count_call(
            endpoint=self.endpoint(request),
            caller=_caller(principal_of(request) if hasattr(request, "auth") else None),
            status=finished.status_code,
            now=timezone.now(),
        )
        return finished

    def endpoint(self, request: Request) -> str:
        """Name the address without what is in it of anybody."""
        match = request._request.resolver_match
        return f"{request.method} /{match.route if match else '?'}"


def farewell() -> dict[str, str]:
    """Give the headers of RFC 9745 and RFC 8594, and where to go instead."""
    since = datetime.fromisoformat(settings.V1_DEPRECATED_ON).replace(tzinfo=UTC)
    until = datetime.fromisoformat(settings.V1_SUNSET_ON).replace(tzinfo=UTC)
    return {
        "Deprecation": f"@{int(since.timestamp())}",
        "Sunset": format_datetime(until, usegmt=True),
        "Link": '</api/v2/docs>; rel="successor-version"',
    }


def _caller(principal: Principal | None) -> str:
    if principal is None:
        return "unknown"
    if principal.partner:
        return f"partner {principal.partner.name}"
    return "staff" if principal.kind is Kind.STAFF else str(principal.kind)

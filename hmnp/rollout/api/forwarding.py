"""Hand a request on to V1 as it came, and give V1's answer as it is."""

from __future__ import annotations

import logging

import httpx
from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request

from hmnp.core.client_address import client_ip
from hmnp.core.errors import ServiceUnavailable

logger = logging.getLogger(__name__)

# V1 allowed its own transaction 30 s.
_TIMEOUT = httpx.Timeout(25.0, connect=3.0)
_SENT = ("content-type", "accept", "authorization", "cookie", "idempotency-key", "x-api-key")
_SENT_TOO = ("x-csrf-token", "user-agent", "x-request-id")
_GIVEN = ("content-type", "retry-after", "location")


def forward(request: Request) -> HttpResponse:
    """Ask V1; its answer goes out unchanged but for a header. Raises `ServiceUnavailable`."""
    asked = request._request
    headers = {
        name: value
        for name, value in asked.headers.items()
        if name.lower() in _SENT or name.lower() in _SENT_TOO
    }
    headers["X-Forwarded-For"] = client_ip(asked)
    url = f"{settings.V1_BASE_URL.rstrip('/')}{asked.get_full_path()}"
    try:
        answer = httpx.request(
            asked.method or "GET", url, headers=headers, content=asked.body, timeout=_TIMEOUT
        )
    except httpx.HTTPError as error:
        logger.warning("V1 does not answer", extra={"v1_error": type(error).__name__})
        raise ServiceUnavailable("V1 does not answer.", retry_after=5) from None
    given = {name: answer.headers[name] for name in _GIVEN if name in answer.headers}
    return HttpResponse(
        answer.content, status=answer.status_code, headers={**given, "X-Served-By": "v1"}
    )

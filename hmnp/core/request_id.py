"""One id per request, on every answer, error and log line."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import structlog
from django.http import HttpRequest, HttpResponse

_SANE = re.compile(r"[A-Za-z0-9._\-]{8,64}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """Give the id of the request (or job) being worked on, or an empty text."""
    return _current.get()


@contextmanager
def working_on(request_id: str) -> Iterator[None]:
    """Log and record what the block does under the request that asked for it."""
    token = _current.set(request_id)
    try:
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            yield
    finally:
        _current.reset(token)


class RequestIdMiddleware:
    """Take a sane `X-Request-Id` as sent, else make one; echo it on the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request under its id."""
        # Not through `request.headers`, which would remember that there was none.
        sent = str(request.META.get("HTTP_X_REQUEST_ID", ""))
        request_id = sent if _SANE.fullmatch(sent) else uuid.uuid4().hex
        request.META["HTTP_X_REQUEST_ID"] = request_id
        token = _current.set(request_id)
        try:
            response = self.get_response(request)
        finally:
            _current.reset(token)
        response["X-Request-Id"] = request_id
        return response

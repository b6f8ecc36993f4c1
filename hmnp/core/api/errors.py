"""Every error of the API in the contract's one shape; the only place that knows HTTP and errors."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404, HttpRequest, JsonResponse
from django_ratelimit.exceptions import Ratelimited
from rest_framework import exceptions as drf
from rest_framework.response import Response

from hmnp.core import errors
from hmnp.core.request_id import current_request_id
from hmnp.core.transactions import LOCK_NOT_AVAILABLE, sqlstate

logger = logging.getLogger(__name__)

_QUERY_CANCELED = "57014"


def error_body(error: errors.DomainError) -> dict[str, Any]:
    """Give the contract's body of an error."""
    body: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "requestId": current_request_id(),
        "timestamp": datetime.now(tz=UTC).isoformat(),
    }
    if error.field:
        body["field"] = error.field
    if error.details:
        body["details"] = error.details
    return {"error": body}


def error_headers(error: errors.DomainError) -> dict[str, str]:
    """Give the headers that go with an error."""
    headers = {"Cache-Control": "no-store"}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer, Api-Key"
    return headers


def error_response(error: errors.DomainError) -> JsonResponse:
    """Give an error as a plain Django response, for what never reaches a DRF view."""
    return JsonResponse(
        error_body(error),
        status=error.status,
        headers=error_headers(error),
        # As the API's renderer writes.
        json_dumps_params={"ensure_ascii": False, "separators": (",", ":")},
    )


def wants_json(request: HttpRequest) -> bool:
    """Tell whether the request was for the API or a probe, not for a page."""
    return request.path.startswith("/api/")


def exception_handler(exception: Exception, context: Mapping[str, Any]) -> Response:
    """Turn whatever a view raised into the contract's error."""
    error = told(exception)
    return Response(error_body(error), status=error.status, headers=error_headers(error))


def told(exception: Exception) -> errors.DomainError:
    """Give what to tell the caller of `exception`; what nobody foresaw is logged."""
    error = as_domain_error(exception)
    if error.status >= 500 and not isinstance(exception, errors.DomainError):
        logger.error("unhandled error", exc_info=exception, extra={"code": error.code})
    return error


def as_domain_error(exception: Exception) -> errors.DomainError:
    """Give the domain error that says what `exception` means to the caller."""
    match exception:
        case errors.DomainError():
            return exception
        case drf.ParseError():
            return errors.ValidationFailed(message=str(exception.detail))
        case drf.ValidationError():
            return errors.ValidationFailed(*flatten(exception.detail))
        case drf.NotAuthenticated() | drf.AuthenticationFailed():
            return errors.Unauthenticated()
        case Ratelimited() | drf.Throttled():
            return errors.RateLimited(retry_after=60)
        case drf.PermissionDenied() | PermissionDenied():
            return errors.Forbidden()
        case drf.NotFound() | Http404():
            return errors.NotFound()
        case drf.MethodNotAllowed():
            return errors.MethodNotAllowed()
        case drf.UnsupportedMediaType() | drf.NotAcceptable():
            return errors.UnsupportedMediaType()
        case RequestDataTooBig():
            return errors.PayloadTooLarge()
        case SuspiciousOperation():
            return errors.ValidationFailed()
        case DatabaseError() if sqlstate(exception) in (LOCK_NOT_AVAILABLE, _QUERY_CANCELED):
            return errors.ServiceUnavailable(retry_after=2)
        case _:
            return errors.InternalError()


def flatten(detail: Any, path: str = "") -> list[errors.Fault]:
    """Give DRF's nested validation detail as a flat list of faults with dotted paths."""
    return list(_flatten(detail, path))


def _flatten(detail: Any, path: str) -> Iterator[errors.Fault]:
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from _flatten(inner, ".".join(part for part in (path, own) if part))
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list)
            yield from _flatten(inner, f"{path}.{index}" if nested and path else path)
    else:
        yield errors.Fault(
            field=path or None, code=getattr(detail, "code", "invalid"), message=str(detail)
        )

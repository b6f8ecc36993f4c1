"""Errors outside DRF: JSON for the API, a page for a person."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from hmnp.core import errors
from hmnp.core.api.errors import error_response, wants_json


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 400."""
    return _answer(request, errors.ValidationFailed())


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 403."""
    return _answer(request, errors.Forbidden())


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404."""
    return _answer(request, errors.NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500; what went wrong is in the log under the request id."""
    return _answer(request, errors.InternalError())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose CSRF token is missing or stale."""
    return _answer(request, errors.Forbidden("This form has expired; please load the page again."))


def _answer(request: HttpRequest, error: errors.DomainError) -> HttpResponse:
    if wants_json(request):
        return error_response(error)
    return render(request, "error.html", {"error": error}, status=error.status)

"""Shared pieces of the OpenAPI document."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiResponse

from hmnp.core.api.serializers import ErrorSerializer

_MEANINGS = {
    400: "Not valid; `details.errors` lists every fault.",
    401: "Credentials are missing or no longer valid.",
    402: "The card was declined; `details.declineCode` says how.",
    403: "These credentials do not allow this.",
    404: "There is nothing here, or nothing you may see.",
    409: "Not in this state, or no longer; `code` says why.",
    410: "The hold has ended.",
    412: "Changed since you read it.",
    413: "The body is too large.",
    422: "Understood, but cannot be done: outside the area, unknown ZIP, promo code, reused key.",
    429: "Too many requests; see `Retry-After`.",
    503: "Busy; see `Retry-After`.",
}


def errors(*statuses: int) -> dict[int, OpenApiResponse]:
    """Give the error responses of an operation for its `responses`."""
    return {status: OpenApiResponse(ErrorSerializer, _MEANINGS[status]) for status in statuses}

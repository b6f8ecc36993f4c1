"""Bodies that the OpenAPI document shows; the fuzzing sends them too."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

PLACE = {"street": "1 Main St", "city": "League City", "state": "TX", "zip": "77573"}
STARTS = "2027-03-02T10:00:00-06:00"


def sent(name: str, value: dict[str, Any]) -> OpenApiExample:
    """Give an example of a request's body."""
    return OpenApiExample(name, value=value, request_only=True)


def refused(
    status: int, code: str, message: str, *, field: str = "", details: dict[str, Any] | None = None
) -> OpenApiExample:
    """Give an example of a refusal."""
    error = {
        "code": code,
        "message": message,
        **({"field": field} if field else {}),
        "requestId": "9ef79ff30f5b45b3b573d3cfc97d67f2",
        "timestamp": "2027-03-01T14:00:00+00:00",
        **({"details": details} if details else {}),
    }
    return OpenApiExample(
        code, value={"error": error}, response_only=True, status_codes=[str(status)]
    )


INVALID = refused(
    400,
    "VALIDATION_ERROR",
    "Tell us the ZIP code we come to.",
    field="zip",
    details={
        "errors": [
            {"field": "zip", "code": "required", "message": "Tell us the ZIP code we come to."}
        ]
    },
)
TAKEN = refused(
    409,
    "SLOT_TAKEN",
    "Somebody was quicker: this time is taken.",
    field="startTime",
    details={
        "alternatives": [
            {"startTime": "2027-03-02T11:00:00-06:00", "endTime": "2027-03-02T12:00:00-06:00"}
        ]
    },
)

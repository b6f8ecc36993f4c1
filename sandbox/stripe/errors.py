"""Stripe's error shape."""

from __future__ import annotations

from sandbox.wire import Json

_DOCS = "https://stripe.com/docs/error-codes/"


class ApiError(Exception):
    """Stripe says no. `stored` tells whether the answer is kept under the idempotency key."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "",
        param: str = "",
        kind: str = "invalid_request_error",
        stored: bool = True,
        extra: Json | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.stored = stored
        self.body: Json = {"message": message, "type": kind, **(extra or {})}
        if code:
            self.body |= {"code": code, "doc_url": _DOCS + code.replace("_", "-")}
        if param:
            self.body["param"] = param


def invalid(message: str, *, param: str = "", code: str = "") -> ApiError:
    """Refuse a parameter before anything ran, so that nothing is stored under a key."""
    return ApiError(400, message, param=param, code=code, stored=False)


def missing(noun: str, name: str, *, param: str = "id", status: int = 404) -> ApiError:
    """Say that there is no such object."""
    return ApiError(status, f"No such {noun}: '{name}'", code="resource_missing", param=param)


def unexpected_state(message: str, *, intent: Json) -> ApiError:
    """Refuse a step that the intent's status does not allow."""
    return ApiError(
        400,
        message,
        code="payment_intent_unexpected_state",
        extra={"payment_intent": intent},
    )

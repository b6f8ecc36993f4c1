"""The errors a rule may raise: a machine code, a human sentence, an HTTP status, no Django."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one field of a request; `field` is the API's camelCase path."""

    field: str | None
    code: str
    message: str


class DomainError(Exception):
    """A refusal that the caller can understand; it never leaves a trace in the database."""

    code = "INTERNAL_ERROR"
    status = 500
    message = "Something went wrong on our side."

    def __init__(
        self,
        message: str | None = None,
        *,
        field: str | None = None,
        details: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.message = message or type(self).message
        self.field = field
        self.details = dict(details or {})
        self.retry_after = retry_after
        super().__init__(self.message)


class ValidationFailed(DomainError):
    """All faults of a request at once; the first names the error's field."""

    code = "VALIDATION_ERROR"
    status = 400
    message = "The request is not valid."

    def __init__(self, *faults: Fault, message: str | None = None) -> None:
        self.faults = faults
        first = faults[0] if faults else None
        super().__init__(
            message or (first.message if first else None),
            field=first.field if first else None,
            details={
                "errors": [
                    {"field": fault.field, "code": fault.code, "message": fault.message}
                    for fault in faults
                ]
            },
        )


class InvalidSignature(DomainError):
    code = "INVALID_SIGNATURE"
    status = 400
    message = "The signature is missing or does not match."


class Unauthenticated(DomainError):
    code = "UNAUTHENTICATED"
    status = 401
    message = "Credentials are missing or no longer valid."


class Forbidden(DomainError):
    code = "FORBIDDEN"
    status = 403
    message = "These credentials do not allow this."


class NotFound(DomainError):
    code = "NOT_FOUND"
    status = 404
    message = "There is nothing here."


class MethodNotAllowed(DomainError):
    code = "METHOD_NOT_ALLOWED"
    status = 405
    message = "This method is not allowed here."


class PreconditionFailed(DomainError):
    code = "PRECONDITION_FAILED"
    status = 412
    message = "The resource has changed since you read it."


class PayloadTooLarge(DomainError):
    code = "PAYLOAD_TOO_LARGE"
    status = 413
    message = "The body is too large."


class UnsupportedMediaType(DomainError):
    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415
    message = "The body must be application/json."


class IdempotencyKeyReused(DomainError):
    code = "IDEMPOTENCY_KEY_REUSED"
    status = 422
    message = "This idempotency key was used with another body."


class IdempotencyInProgress(DomainError):
    code = "IDEMPOTENCY_IN_PROGRESS"
    status = 409
    message = "A request with this idempotency key is still running."


class RateLimited(DomainError):
    code = "RATE_LIMITED"
    status = 429
    message = "Too many requests; please wait a moment."


class ServiceUnavailable(DomainError):
    code = "SERVICE_UNAVAILABLE"
    status = 503
    message = "The system is busy; please try again in a moment."


class InternalError(DomainError):
    pass

"""What crosses the border to the provider of payments: plain frozen values, and one error type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class IntentStatus(StrEnum):
    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_ACTION = "requires_action"
    REQUIRES_CAPTURE = "requires_capture"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


@dataclass(frozen=True)
class Intent:
    """A PaymentIntent as Stripe has it now; cents.

    `decline_code` and `attempt_id` tell of the last attempt when it was declined, else "".
    """

    id: str
    status: IntentStatus
    amount_cents: int
    amount_received_cents: int
    currency: str
    client_secret: str = field(repr=False)
    decline_code: str
    attempt_id: str
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class ProviderRefund:
    """A refund as Stripe has it now; cents. `status` is Stripe's own word."""

    id: str
    intent_id: str
    status: str
    amount_cents: int
    failure_reason: str
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class ProviderDispute:
    """A dispute as Stripe has it now; cents. `status` is Stripe's own word."""

    id: str
    intent_id: str
    status: str
    reason: str
    amount_cents: int
    opened_at: datetime

    @property
    def is_won(self) -> bool:
        """The money is ours again; `warning_closed`: it never became a dispute."""
        return self.status in ("won", "warning_closed", "prevented")

    @property
    def is_lost(self) -> bool:
        """The bank keeps the money."""
        return self.status == "lost"


@dataclass(frozen=True)
class StripeEvent:
    """A hint that something happened; what is true is fetched by its id."""

    id: str
    type: str
    created_at: datetime
    object_type: str
    object_id: str
    intent_id: str
    metadata: Mapping[str, str]


class GatewayError(Exception):
    """A call to Stripe did not succeed.

    `permanent`: the same call will never succeed. `is_key_spent`: Stripe will give this same
    answer for the idempotency key again, so that only another key can succeed.
    """

    def __init__(
        self, message: str, *, code: str = "", permanent: bool = False, is_key_spent: bool = False
    ) -> None:
        self.code = code
        self.permanent = permanent
        self.is_key_spent = is_key_spent
        super().__init__(message)


class CardDeclined(GatewayError):
    """The bank said no; `decline_code` says why."""

    def __init__(self, message: str, *, code: str, decline_code: str) -> None:
        self.decline_code = decline_code
        super().__init__(message, code=code, permanent=True)


class NotConfigured(GatewayError):
    """No Stripe key is set; nothing was sent."""

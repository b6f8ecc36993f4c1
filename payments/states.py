"""The states of a payment and of a refund. No Django."""

from __future__ import annotations

from enum import StrEnum

from bookings.states import BookingStatus


class PaymentKind(StrEnum):
    DEPOSIT = "DEPOSIT"
    FULL = "FULL"
    BALANCE = "BALANCE"


class PaymentStatus(StrEnum):
    """CREATED: no intent known yet. FAILED: the provider refused to open one, for good.

    A declined card is not FAILED but REQUIRES_PAYMENT with a decline code: another card may be
    tried on the same intent.
    """

    CREATED = "CREATED"
    REQUIRES_PAYMENT = "REQUIRES_PAYMENT"
    PROCESSING = "PROCESSING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"


# Money may still arrive on these.
OPEN_PAYMENTS = (
    PaymentStatus.CREATED,
    PaymentStatus.REQUIRES_PAYMENT,
    PaymentStatus.PROCESSING,
)
# Money did arrive on these.
CAPTURED_PAYMENTS = (
    PaymentStatus.SUCCEEDED,
    PaymentStatus.PARTIALLY_REFUNDED,
    PaymentStatus.REFUNDED,
)


class RefundState(StrEnum):
    """PENDING: the provider has taken it but not finished. FAILED: the money stayed with us."""

    REQUESTED = "REQUESTED"
    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


# A booking in one of these stands, or was served: its balance may be paid, and late money that
# finds it so has what it was for.
STANDING_BOOKINGS = (
    BookingStatus.CONFIRMED,
    BookingStatus.IN_PROGRESS,
    BookingStatus.COMPLETED,
)

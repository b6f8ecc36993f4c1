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


class PaymentMethod(StrEnum):
    """How money came: by card through the provider, handed to our staff, or taken by the system
    before this one in a way that names nothing at the provider (FORMER).
    """

    CARD = "CARD"
    CASH = "CASH"
    CHEQUE = "CHEQUE"
    FORMER = "FORMER"


# What our staff take and record.
HANDED_OVER = (PaymentMethod.CASH, PaymentMethod.CHEQUE)
# What we cannot name at the provider.
OFFLINE_METHODS = (*HANDED_OVER, PaymentMethod.FORMER)


class RefundMethod(StrEnum):
    """How money goes back: to the card, handed over by staff, taken by the bank in a dispute, or
    given by the system before this one.
    """

    CARD = "CARD"
    BY_HAND = "BY_HAND"
    DISPUTE = "DISPUTE"
    FORMER = "FORMER"


class LateChoiceState(StrEnum):
    """OPEN until the customer chooses or declines, or says nothing in time (LAPSED)."""

    OPEN = "OPEN"
    CHOSEN = "CHOSEN"
    DECLINED = "DECLINED"
    LAPSED = "LAPSED"


class DisputeState(StrEnum):
    OPEN = "OPEN"
    WON = "WON"
    LOST = "LOST"


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


class Account(StrEnum):
    """The chart of accounts: where money is, and whose it is. Debits are positive.

    STRIPE: at Stripe, before its fees. HAND: cash and checks our staff hold. DISPUTED: withdrawn
    by a bank that has not decided. CUSTOMER: what customers have paid us and did not get back; a
    liability, so negative. LOSS: what a bank took beyond what we still held of a payment. FORMER:
    what the system before this one took and we cannot name at Stripe.
    """

    STRIPE = "STRIPE"
    HAND = "HAND"
    DISPUTED = "DISPUTED"
    CUSTOMER = "CUSTOMER"
    LOSS = "LOSS"
    FORMER = "FORMER"


class MismatchKind(StrEnum):
    """How Stripe's records and ours can differ."""

    MISSING_HERE = "MISSING_HERE"
    MISSING_THERE = "MISSING_THERE"
    AMOUNT_DIFFERS = "AMOUNT_DIFFERS"
    STATUS_DIFFERS = "STATUS_DIFFERS"
    REFUND_UNKNOWN = "REFUND_UNKNOWN"
    UNKNOWN_CHARGE = "UNKNOWN_CHARGE"
    UNDELIVERED = "UNDELIVERED"

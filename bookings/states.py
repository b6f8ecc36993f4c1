"""The states of a claim and of a booking, and the one table of allowed moves. No Django."""

from __future__ import annotations

from enum import StrEnum


class ClaimState(StrEnum):
    HELD = "HELD"
    PAYING = "PAYING"
    CLOSING = "CLOSING"
    BOOKED = "BOOKED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


# A live claim keeps its notary from being claimed again.
LIVE_CLAIM_STATES = (ClaimState.HELD, ClaimState.PAYING, ClaimState.CLOSING, ClaimState.BOOKED)


class BookingStatus(StrEnum):
    PENDING_PAYMENT = "PENDING_PAYMENT"
    CONFIRMED = "CONFIRMED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    NO_SHOW = "NO_SHOW"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


# EXPIRED → CONFIRMED happens only when late money wins the same time again.
TRANSITIONS: dict[BookingStatus, frozenset[BookingStatus]] = {
    BookingStatus.PENDING_PAYMENT: frozenset(
        {BookingStatus.CONFIRMED, BookingStatus.CANCELLED, BookingStatus.EXPIRED}
    ),
    BookingStatus.CONFIRMED: frozenset(
        {BookingStatus.IN_PROGRESS, BookingStatus.NO_SHOW, BookingStatus.CANCELLED}
    ),
    BookingStatus.IN_PROGRESS: frozenset(
        {BookingStatus.COMPLETED, BookingStatus.NO_SHOW, BookingStatus.CANCELLED}
    ),
    BookingStatus.EXPIRED: frozenset({BookingStatus.CONFIRMED}),
    BookingStatus.COMPLETED: frozenset(),
    BookingStatus.NO_SHOW: frozenset(),
    BookingStatus.CANCELLED: frozenset(),
}

LIVE_STATUSES = (BookingStatus.PENDING_PAYMENT, BookingStatus.CONFIRMED, BookingStatus.IN_PROGRESS)
# Nothing more will be asked of the customer; both dues read 0.
CLOSED_WITHOUT_SERVICE = (BookingStatus.CANCELLED, BookingStatus.EXPIRED, BookingStatus.NO_SHOW)


def may_move(*, source: BookingStatus, target: BookingStatus) -> bool:
    """Tell whether the table allows a booking to go from `source` to `target`."""
    return target in TRANSITIONS[source]


class TimelineAction(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    RESCHEDULED = "rescheduled"
    CONFIRMED = "confirmed"
    ASSIGNED = "assigned"
    STARTED = "started"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    PAYMENT_PROCESSED = "payment_processed"
    PAYMENT_FAILED = "payment_failed"
    REFUNDED = "refunded"
    DEPOSIT_WAIVED = "deposit_waived"
    MESSAGE_SENT = "message_sent"
    INTEGRATION_SYNCED = "integration_synced"


class RefundStatus(StrEnum):
    NONE = "NONE"
    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

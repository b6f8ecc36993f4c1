"""What was paid and given back for a booking, line by line, as receipts and mails show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bookings.models import Booking
from hmnp.core.pages import long_day
from payments.models import Payment, Refund
from payments.states import CAPTURED_PAYMENTS, PaymentMethod, RefundMethod, RefundState

_PAID = {
    PaymentMethod.CARD: "Paid by card",
    PaymentMethod.CASH: "Paid in cash",
    PaymentMethod.CHEQUE: "Paid by check",
    PaymentMethod.FORMER: "Paid before",
}
_GIVEN_BACK = {
    RefundMethod.CARD: "Sent back to the card",
    RefundMethod.BY_HAND: "Given back by us",
    RefundMethod.DISPUTE: "Taken back by the bank",
    RefundMethod.FORMER: "Given back before",
}


@dataclass(frozen=True)
class MoneyLine:
    """One movement; `amount_cents` is positive, `is_back` tells which way it went."""

    at: datetime
    day: str
    text: str
    amount_cents: int
    is_back: bool


def money_lines(*, booking: Booking) -> list[MoneyLine]:
    """List every payment that came and every refund that went, oldest first."""
    captured = [status.value for status in CAPTURED_PAYMENTS]
    lines = [
        _line(
            booking,
            payment.settled_at or payment.created_at,
            _PAID[PaymentMethod(payment.method)],
            payment.amount_captured_cents,
            is_back=False,
        )
        for payment in Payment.objects.filter(booking=booking, status__in=captured)
    ]
    lines += [
        _line(
            booking,
            refund.settled_at or refund.requested_at,
            _GIVEN_BACK[RefundMethod(refund.method)],
            refund.amount_cents,
            is_back=True,
        )
        for refund in Refund.objects.filter(
            payment__booking=booking, status=RefundState.SUCCEEDED.value
        )
    ]
    return sorted(lines, key=lambda line: line.at)


def _line(
    booking: Booking, at: datetime, text: str, amount_cents: int, *, is_back: bool
) -> MoneyLine:
    day = at.astimezone(booking.zone).date()
    return MoneyLine(
        at=at,
        day=f"{long_day(day)} {day.year}",
        text=text,
        amount_cents=amount_cents,
        is_back=is_back,
    )

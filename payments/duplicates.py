"""Money for what was paid otherwise meanwhile: a card that was charged after staff took cash."""

from __future__ import annotations

from bookings.models import Booking
from payments.models import Payment
from payments.states import CAPTURED_PAYMENTS, STANDING_BOOKINGS, PaymentKind

_DUE_BEFORE = (PaymentKind.DEPOSIT.value, PaymentKind.FULL.value)


def is_paid_otherwise(*, payment: Payment, booking: Booking) -> bool:
    """Tell whether another payment has paid, and still pays, what this one is for.

    A balance is never one: what it brings above the price goes back as an excess.
    """
    if payment.kind not in _DUE_BEFORE or booking.status not in STANDING_BOOKINGS:
        return False
    others = Payment.objects.filter(
        booking=booking,
        kind__in=_DUE_BEFORE,
        status__in=[status.value for status in CAPTURED_PAYMENTS],
        is_duplicate=False,
    ).exclude(pk=payment.pk)
    return any(other.amount_captured_cents > other.amount_refunded_cents for other in others)

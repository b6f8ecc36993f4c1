"""Take over money the system before this one took, or gave back, for a booking that is here."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bookings import timeline
from bookings.errors import InvalidStatusTransition
from bookings.locks import lock_booking
from bookings.models import Booking
from bookings.states import BookingStatus, TimelineAction
from hmnp.core.context import FORMER
from payments.actions.import_payments import FormerPayment, give_back, import_payments, post_came
from payments.locks import lock_payments_of_booking
from payments.models import Payment
from payments.states import CAPTURED_PAYMENTS, PaymentKind, PaymentStatus

_ENDED = (BookingStatus.CANCELLED, BookingStatus.NO_SHOW)


def follow_former_payment(*, payment: FormerPayment, now: datetime) -> None:
    """Write a payment that is new here, or what came or went back of one that is known.

    Inside the caller's transaction. Nothing is told and nothing owed back: the other system sees
    to that. Raises `InvalidStatusTransition` for money of a booking that has expired here.
    """
    booking = lock_booking(booking_id=payment.booking_id).booking
    rows = lock_payments_of_booking(booking_id=booking.pk)
    known = next((row for row in rows if row.pk == payment.id), None)
    payment = replace(payment, kind=_kind(payment, [row for row in rows if row is not known]))
    had = known is not None and known.status in CAPTURED_PAYMENTS
    came = payment.amount_cents if payment.is_captured and not had else 0
    gone = payment.refunded_cents - (known.amount_refunded_cents if known else 0)
    if came and booking.status == BookingStatus.EXPIRED:
        raise InvalidStatusTransition("It has expired here, and was paid in V1.")
    if known is None:
        import_payments(payments=[payment])
    else:
        _update(known, payment, came=came, gone=gone)
    if came or gone > 0:
        _count(booking, payment, came=came, gone=max(gone, 0), now=now)


def _kind(payment: FormerPayment, others: list[Payment]) -> PaymentKind:
    is_kept = any(
        other.status in CAPTURED_PAYMENTS
        and other.kind != PaymentKind.BALANCE
        and other.amount_captured_cents > other.amount_refunded_cents
        for other in others
    )
    return PaymentKind.BALANCE if is_kept else payment.kind


def _update(known: Payment, payment: FormerPayment, *, came: int, gone: int) -> None:
    if not came and gone <= 0:
        return
    refunded = max(payment.refunded_cents, known.amount_refunded_cents)
    captured = payment.amount_cents if came else known.amount_captured_cents
    status = PaymentStatus.SUCCEEDED
    if refunded:
        status = (
            PaymentStatus.REFUNDED if refunded >= captured else PaymentStatus.PARTIALLY_REFUNDED
        )
    Payment.objects.filter(pk=known.pk).update(
        status=status.value,
        kind=payment.kind.value if came else known.kind,
        amount_cents=captured,
        amount_captured_cents=captured,
        amount_refunded_cents=refunded,
        settled_at=known.settled_at or payment.settled_at,
        version=known.version + 1,
    )
    if came:
        post_came(payments=[payment])
    if gone > 0:
        occasion = f"v1-{refunded}"
        give_back(payments=[replace(payment, refunded_cents=gone, refund_reason_key=occasion)])


def _count(
    booking: Booking, payment: FormerPayment, *, came: int, gone: int, now: datetime
) -> None:
    changes = {}
    if came:
        changes["amount_paid_cents"] = booking.amount_paid_cents + came
    if gone:
        changes["amount_refunded_cents"] = booking.amount_refunded_cents + gone
    if booking.status in _ENDED:
        changes["cancel_kept_cents"] = booking.net_paid_cents + came - gone
    action = TimelineAction.PAYMENT_PROCESSED if came else TimelineAction.REFUNDED
    timeline.apply(
        booking=booking,
        action=action,
        actor=FORMER,
        now=now,
        changes=changes,
        metadata={"paymentId": payment.id, "amountCents": came or gone, "kind": payment.kind},
    )

"""Reactions to what bookings states: rows only, in the fact's own transaction."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Sum

from bookings.actions.record_payment import record_payment
from bookings.events import (
    BookingCancelled,
    BookingConfirmed,
    BookingCreated,
    BookingExpired,
    BookingNoShow,
    BookingRepriced,
    RefundOwed,
)
from bookings.models import Booking, SlotClaim
from hmnp.core.errors import Fault, ValidationFailed
from hmnp.core.events import subscribe
from payments import doorbell
from payments.actions.close_payment import end_without_intent
from payments.actions.request_refund import request_full_refund, request_refund
from payments.actors import STRIPE
from payments.locks import LockedPayment, lock_payments_of_booking, lock_payments_of_claim
from payments.models import Payment, Refund
from payments.rows import add_payment, change, kind_of_due
from payments.states import CAPTURED_PAYMENTS, PaymentKind, PaymentStatus, RefundState
from services.pricing import LEAST_CHARGE_CENTS


def subscribe_all() -> None:
    """Subscribe to every fact this app reacts to."""
    subscribe(BookingCreated, on_created)
    subscribe(BookingRepriced, on_repriced)
    subscribe(BookingConfirmed, on_confirmed)
    subscribe(BookingCancelled, on_ended)
    subscribe(BookingNoShow, on_ended)
    subscribe(BookingExpired, on_expired)
    subscribe(RefundOwed, on_refund_owed)


def on_created(event: BookingCreated) -> None:
    """Attach what was paid or asked for on the hold, else ask for what is due.

    Raises `ValidationFailed` when the caller names an intent that is not the hold's.
    """
    booking = event.booking
    payments = [] if event.is_claim_new else lock_payments_of_claim(claim_id=event.claim.pk)
    usable = [p for p in payments if p.is_open or p.status == PaymentStatus.SUCCEEDED]
    _check_named_intent(event, usable)
    if usable and event.rows is not None:
        # What was paid changes the booking, and says so.
        event.rows.write()
    for payment in usable:
        change(payment, now=booking.created_at, booking=booking)
        doorbell.ring(doorbell.SETTLE, payment.pk)
        if payment.status == PaymentStatus.SUCCEEDED:
            record_payment(
                booking=booking,
                claim=event.claim,
                payment_id=payment.pk,
                amount_cents=payment.amount_captured_cents,
                kind=payment.kind,
                actor=STRIPE,
                now=booking.created_at,
            )
    if not usable and event.due_cents >= LEAST_CHARGE_CENTS:
        add_payment(
            booking=booking,
            claim=event.claim,
            kind=kind_of_due(due_cents=event.due_cents, price_cents=booking.price_cents),
            amount_cents=event.due_cents,
            now=booking.created_at,
            rows=event.rows,
        )


def _check_named_intent(event: BookingCreated, payments: list[Payment]) -> None:
    named = event.payment_intent_id
    if named and named not in {payment.provider_intent_id for payment in payments}:
        raise ValidationFailed(
            Fault("paymentIntentId", "unknown", "This payment is not one for this hold.")
        )


def on_repriced(event: BookingRepriced) -> None:
    """Ask for another amount, unless an intent has frozen it."""
    booking = Booking.objects.get(pk=event.booking_id)
    for payment in lock_payments_of_booking(booking_id=event.booking_id):
        if not _is_unrequested(payment) or payment.kind == PaymentKind.BALANCE:
            continue
        if event.due_cents < LEAST_CHARGE_CENTS:
            change(payment, now=booking.updated_at, status=PaymentStatus.CANCELLED.value)
            continue
        kind = kind_of_due(due_cents=event.due_cents, price_cents=booking.price_cents)
        change(payment, now=booking.updated_at, amount_cents=event.due_cents, kind=kind.value)


def on_confirmed(event: BookingConfirmed) -> None:
    """Ask no more for a deposit that was waived or paid otherwise."""
    if event.new is not None:
        return
    now = Booking.objects.values_list("updated_at", flat=True).get(pk=event.booking_id)
    for payment in lock_payments_of_booking(booking_id=event.booking_id):
        if payment.is_open and payment.kind != PaymentKind.BALANCE:
            _let_go(payment, now=now)


def on_ended(event: BookingCancelled | BookingNoShow) -> None:
    """End what is still asked for; a time being paid for is freed at once if no intent was opened.

    Otherwise the job cancels the intent first, and the time stays closing until then.
    """
    booking = Booking.objects.get(pk=event.booking_id)
    claims = {claim.pk: claim for claim in SlotClaim.objects.filter(booking_id=event.booking_id)}
    for payment in lock_payments_of_booking(booking_id=event.booking_id):
        if _is_unrequested(payment):
            end_without_intent(
                LockedPayment(
                    payment=payment,
                    booking=booking,
                    claim=claims.get(payment.claim_id) if payment.claim_id else None,
                ),
                status=PaymentStatus.CANCELLED,
                actor=event.actor,
                now=booking.updated_at,
            )
        elif payment.is_open:
            _let_go(payment, now=booking.updated_at)


def on_expired(event: BookingExpired) -> None:
    """Give back what was paid towards a booking that has expired all the same."""
    now = Booking.objects.values_list("updated_at", flat=True).get(pk=event.booking_id)
    for payment in lock_payments_of_booking(booking_id=event.booking_id):
        if payment.status in CAPTURED_PAYMENTS:
            request_full_refund(payment=payment, reason_key="expired", now=now)


def on_refund_owed(event: RefundOwed) -> None:
    """Promise back what the booking owes, out of its newest payments first.

    The booking counts only what has gone back; what is promised already is part of what it owes.
    """
    now = Booking.objects.values_list("updated_at", flat=True).get(pk=event.booking_id)
    payments = [
        payment
        for payment in lock_payments_of_booking(booking_id=event.booking_id)
        if not payment.is_duplicate
    ]
    promised = Refund.objects.filter(
        payment__in=payments, status__in=[RefundState.REQUESTED, RefundState.PENDING]
    ).aggregate(cents=Sum("amount_cents", default=0))["cents"]
    request_refund(
        payments=payments,
        amount_cents=max(event.amount_cents - promised, 0),
        reason_key=event.reason_key,
        now=now,
    )


def _is_unrequested(payment: Payment) -> bool:
    return payment.is_open and payment.intent_requested_at is None


def _let_go(payment: Payment, *, now: datetime) -> None:
    """End a locked open payment, or have the job cancel its intent first."""
    if payment.intent_requested_at is None:
        change(payment, now=now, status=PaymentStatus.CANCELLED.value)
        return
    Payment.objects.filter(pk=payment.pk).update(run_at=now, attempts=0)
    doorbell.ring(doorbell.ATTEND, payment.pk)

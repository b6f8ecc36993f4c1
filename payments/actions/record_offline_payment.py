"""Staff took cash or a check: it counts like a card payment, and says who took it and when."""

from __future__ import annotations

import uuid
from datetime import datetime
from uuid import UUID

from bookings.actions.record_payment import record_payment
from bookings.errors import InvalidStatusTransition, NothingDue
from bookings.locks import LockedBooking, lock_booking
from bookings.states import BookingStatus
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.crashpoints import crashpoint
from hmnp.core.errors import Fault, ValidationFailed
from hmnp.core.events import emit
from payments import doorbell
from payments.events import PaymentSettled
from payments.locks import lock_payments_of_booking
from payments.models import Payment
from payments.rows import kind_of_due
from payments.staff import LONGEST_REASON, amount_within, who
from payments.states import (
    HANDED_OVER,
    STANDING_BOOKINGS,
    PaymentKind,
    PaymentMethod,
    PaymentStatus,
)


def record_offline_payment(
    *,
    booking_id: UUID,
    amount_cents: int,
    method: PaymentMethod,
    note: str,
    actor: Actor,
    now: datetime,
    request_key: str = "",
) -> Payment:
    """Record `amount_cents` of cash or a check; a booking that waited for it is confirmed.

    Never more than what is left of the price; while a booking waits, at least what is due. The
    same `request_key` records once. Raises `NotFound`, `ValidationFailed` on `amount` or
    `method`, `NothingDue`, `InvalidStatusTransition`.
    """
    if method not in HANDED_OVER:
        raise ValidationFailed(Fault("method", "invalid", "Cash or a check."))
    payment_id = uuid.uuid4()
    key = f"offline-{request_key or payment_id}"[:80]

    def work() -> Payment:
        locked = lock_booking(booking_id=booking_id)
        done = Payment.objects.filter(idempotency_key=key, booking_id=booking_id).first()
        if done is not None:
            return done
        open_ones = [p for p in lock_payments_of_booking(booking_id=booking_id) if p.is_open]
        payment = Payment.objects.create(
            id=payment_id,
            booking=locked.booking,
            kind=_kind(locked, amount_cents).value,
            method=method.value,
            recorded_by=who(actor),
            note=note.strip()[:LONGEST_REASON],
            status=PaymentStatus.SUCCEEDED.value,
            amount_cents=amount_cents,
            amount_captured_cents=amount_cents,
            idempotency_key=key,
            run_at=now,
            created_at=now,
            updated_at=now,
            settled_at=now,
        )
        record_payment(
            booking=locked.booking,
            claim=locked.claim,
            payment_id=payment.pk,
            amount_cents=amount_cents,
            kind=payment.kind,
            actor=actor,
            now=now,
        )
        emit(
            PaymentSettled(
                payment_id=payment.pk,
                booking_id=booking_id,
                amount_cents=amount_cents,
                kind=payment.kind,
            )
        )
        for open_one in open_ones:
            # A card form that still asks for what was just paid is closed.
            Payment.objects.filter(pk=open_one.pk).update(run_at=now)
            doorbell.ring(doorbell.ATTEND, open_one.pk)
        return payment

    payment = transactions.run(work)
    crashpoint("cash.recorded")
    return payment


def _kind(locked: LockedBooking, amount_cents: int) -> PaymentKind:
    """Judge the amount against what is due, and say what it pays."""
    booking = locked.booking
    left = booking.balance_due_cents
    if booking.status in STANDING_BOOKINGS:
        if not left:
            raise NothingDue
        amount_within(amount_cents, most_cents=left, what="is left to pay")
        return PaymentKind.BALANCE
    if booking.status != BookingStatus.PENDING_PAYMENT or locked.claim is None:
        raise InvalidStatusTransition
    amount_within(amount_cents, most_cents=left, what="the price")
    due = booking.amount_due_cents
    if amount_cents < due:
        raise ValidationFailed(Fault("amount", "min_value", "That is less than what is due now."))
    return kind_of_due(due_cents=amount_cents, price_cents=booking.price_cents)

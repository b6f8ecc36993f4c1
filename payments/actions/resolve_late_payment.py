"""Money that came when its time was gone: win the same time again, or give all of it back."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from bookings.actions.reclaim_slot import reclaim_slot
from bookings.states import BookingStatus
from hmnp.core import transactions
from hmnp.core.context import Actor
from payments.actions.request_refund import request_full_refund
from payments.actors import STRIPE
from payments.locks import lock_payment
from payments.models import Payment
from payments.rows import change
from payments.states import STANDING_BOOKINGS

logger = logging.getLogger(__name__)

_RETURNABLE = (BookingStatus.EXPIRED, BookingStatus.PENDING_PAYMENT)


def resolve_late_payment(*, payment_id: UUID, now: datetime, actor: Actor = STRIPE) -> None:
    """End a late payment: its booking confirmed after all, or its money promised back in full.

    Safe to repeat after a crash anywhere: it looks at what became of the booking first.
    """
    payment = Payment.objects.select_related("booking").filter(pk=payment_id).first()
    if payment is None or payment.late_since is None or payment.booking is None:
        return
    if payment.booking.status in _RETURNABLE:
        is_won = reclaim_slot(booking_id=payment.booking.pk, actor=actor, now=now)
        logger.info("late payment", extra={"payment_id": str(payment_id), "is_won": is_won})
    transactions.run(lambda: _end(payment_id, now))


def _end(payment_id: UUID, now: datetime) -> None:
    locked = lock_payment(payment_id=payment_id)
    payment, booking = locked.payment, locked.booking
    if payment.late_since is None or booking is None:
        return
    change(payment, now=now, late_since=None)
    if booking.status not in STANDING_BOOKINGS:
        request_full_refund(payment=payment, reason_key="late", now=now)

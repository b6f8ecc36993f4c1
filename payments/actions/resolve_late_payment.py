"""Money that came when its time was gone: the same time, else a choice of others, else all back."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from uuid import UUID

from bookings.actions.hold_alternatives import hold_alternatives
from bookings.actions.let_alternatives_go import let_alternatives_go
from bookings.actions.reclaim_slot import reclaim_slot
from bookings.courtesy import courtesy_holds
from bookings.models import Booking
from bookings.states import BookingStatus
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.crashpoints import crashpoint
from hmnp.core.events import emit
from payments.actions.request_refund import request_full_refund
from payments.actors import STRIPE
from payments.events import LateChoiceOffered
from payments.late_money import give_back, open_late_case, settle_late_case
from payments.locks import alone_with, lock_payment
from payments.models import LateChoice, Payment
from payments.rows import change
from payments.states import STANDING_BOOKINGS, LateChoiceState

logger = logging.getLogger(__name__)

_RETURNABLE = (BookingStatus.EXPIRED, BookingStatus.PENDING_PAYMENT)
CHOICE_TIME = timedelta(hours=2)
# A choice found this late (after a long outage of ours, say) is none.
_LEAST_CHOICE_TIME = timedelta(minutes=15)


def resolve_late_payment(*, payment_id: UUID, now: datetime, actor: Actor = STRIPE) -> None:
    """Bring a late payment on: its booking confirmed, a choice offered, or its money promised back.

    Safe to repeat after a crash anywhere: it looks at what became of the booking first. A choice
    that nobody made in time ends here too.
    """
    with alone_with(payment_id) as is_mine:
        if is_mine:
            _resolve(payment_id, actor, now)


def _resolve(payment_id: UUID, actor: Actor, now: datetime) -> None:
    payment = Payment.objects.select_related("booking").filter(pk=payment_id).first()
    if payment is None or payment.late_since is None or payment.booking is None:
        return
    choice = LateChoice.objects.filter(payment=payment, state=LateChoiceState.OPEN).first()
    if choice is not None:
        if choice.expires_at <= now:
            transactions.run(lambda: _lapse(choice.pk, now))
        return
    booking = payment.booking
    if booking.status in _RETURNABLE:
        is_won = reclaim_slot(booking_id=booking.pk, actor=actor, now=now)
        logger.info("late payment", extra={"payment_id": str(payment_id), "is_won": is_won})
        crashpoint("late.reclaimed")
        if not is_won and _offer_others(payment, booking, now):
            return
    # Times an interrupted offer had kept; none, as a rule.
    transactions.run(lambda: let_alternatives_go(booking_id=booking.pk))
    transactions.run(lambda: _end(payment_id, now))


def _offer_others(payment: Payment, booking: Booking, now: datetime) -> bool:
    """Keep other times and offer them; False when there is nothing to choose from."""
    until = (payment.late_since or now) + CHOICE_TIME
    is_enough = booking.net_paid_cents >= booking.due_now_cents
    if not is_enough or until - now < _LEAST_CHOICE_TIME:
        return False
    if not hold_alternatives(booking_id=booking.pk, until=until, now=now):
        return False
    crashpoint("late.kept")
    return transactions.run(lambda: _offer(payment.pk, until, now))


def _offer(payment_id: UUID, until: datetime, now: datetime) -> bool:
    locked = lock_payment(payment_id=payment_id)
    payment, booking = locked.payment, locked.booking
    if payment.late_since is None or booking is None or booking.status != BookingStatus.EXPIRED:
        return False
    if not courtesy_holds(booking_id=booking.pk):
        return False
    choice = LateChoice.objects.create(
        payment=payment, booking=booking, opened_at=now, expires_at=until
    )
    # The sweeper's next look at it is its end.
    change(payment, now=now, run_at=until, attempts=0)
    open_late_case(payment=payment)
    emit(
        LateChoiceOffered(
            payment_id=payment.pk,
            booking_id=booking.pk,
            amount_cents=payment.amount_captured_cents,
            choice_id=choice.pk,
            expires_at=until,
        )
    )
    return True


def _lapse(choice_id: UUID, now: datetime) -> None:
    give_back(
        choice_id=choice_id,
        state=LateChoiceState.LAPSED,
        how="No other time was chosen; refunded in full.",
        now=now,
    )


def _end(payment_id: UUID, now: datetime) -> None:
    locked = lock_payment(payment_id=payment_id)
    payment, booking = locked.payment, locked.booking
    if payment.late_since is None or booking is None:
        return
    change(payment, now=now, late_since=None)
    if booking.status in STANDING_BOOKINGS:
        settle_late_case(payment=payment, how="The booking stands.")
        return
    request_full_refund(payment=payment, reason_key="late", now=now)
    settle_late_case(payment=payment, how="The time could not be had; refunded in full.")

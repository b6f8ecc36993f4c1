"""The customer takes one of the times that were kept for late money."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings.actions.choose_alternative import choose_alternative
from bookings.errors import HoldExpired
from bookings.models import Booking
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.crashpoints import crashpoint
from hmnp.core.errors import NotFound
from payments.late_money import close_choice, settle_late_case
from payments.locks import lock_payment
from payments.models import LateChoice
from payments.rows import change
from payments.states import LateChoiceState


def choose_late_alternative(
    *, choice_id: UUID, claim_id: UUID, actor: Actor, now: datetime
) -> Booking:
    """Confirm the booking at a kept time, free the others and end the choice, all or nothing.

    Raises `NotFound`, `InvalidStatusTransition` when the booking stands already, and `HoldExpired`
    when the choice or that time is over; the money is then on its way back.
    """

    def work() -> Booking:
        seen = LateChoice.objects.filter(pk=choice_id).first()
        if seen is None:
            raise NotFound
        booking = choose_alternative(
            booking_id=seen.booking_id, claim_id=claim_id, actor=actor, now=now
        )
        payment = lock_payment(payment_id=seen.payment_id).payment
        choice = LateChoice.objects.select_for_update().get(pk=choice_id)
        if choice.state != LateChoiceState.OPEN or choice.expires_at <= now:
            raise HoldExpired
        close_choice(choice=choice, state=LateChoiceState.CHOSEN, now=now)
        change(payment, now=now, late_since=None)
        settle_late_case(payment=payment, how="The customer chose another time.")
        return booking

    booking = transactions.run(work)
    crashpoint("late.chosen")
    return booking

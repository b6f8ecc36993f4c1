"""Staff send the customer the way to pay what is due by card."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings.errors import NothingDue
from bookings.locks import lock_booking
from hmnp.core import transactions
from hmnp.core.events import emit
from payments.events import PayLinkRequested


def send_pay_link(*, booking_id: UUID, now: datetime) -> None:
    """Have a mail sent that leads to the card form; at most one in five minutes.

    Raises `NotFound`, and `NothingDue` when there is nothing to pay.
    """

    def work() -> None:
        booking = lock_booking(booking_id=booking_id).booking
        if not (booking.amount_due_cents or booking.balance_due_cents):
            raise NothingDue
        emit(PayLinkRequested(booking_id=booking_id, requested_at=now))

    transactions.run(work)

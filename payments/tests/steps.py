"""Steps of the flow, as tests take them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.db.models import QuerySet

from bookings.actions.begin_closing import begin_closing
from bookings.actions.create_booking import create_booking
from bookings.actions.finish_closing import finish_closing
from bookings.actions.hold_slot import Held
from bookings.holders import token_of
from bookings.locks import lock_booking
from bookings.models import Booking, SlotClaim
from bookings.requests import BookingRequest
from bookings.tests.factories import CUSTOMER, HOLDER, NOW, customer, hold, wanted
from hmnp.core import transactions
from hmnp.core.context import SYSTEM
from hmnp.core.invariants import Breach, all_invariants, find_breaches
from hmnp.core.transactions import database_now
from payments.actions.open_payment import HoldToPay, OpenedPayment, open_payment
from payments.actions.sweep_payments import Swept, sweep_payments
from payments.models import Payment, Refund
from payments.tests.driving import Stripe

LATER = NOW + timedelta(hours=2)


def open_for_hold(held: Held, now: datetime = NOW) -> OpenedPayment:
    """Open the intent on a hold."""
    return open_payment(target=HoldToPay(token=token_of(held.claim)), now=now)


def open_for_booking(booking: Booking, now: datetime = NOW) -> OpenedPayment:
    """Open the intent of a booking."""
    return open_payment(target=booking.pk, now=now)


def held_and_opened() -> tuple[Held, OpenedPayment]:
    """Hold a slot and open an intent on it."""
    held = hold()
    return held, open_for_hold(held)


def book_hold(held: Held, *, intent_id: str | None = None, now: datetime = NOW) -> Booking:
    """Turn a hold into a booking."""
    return create_booking(
        request=BookingRequest(
            wanted=wanted(),
            customer=customer(),
            token=token_of(held.claim),
            payment_intent_id=intent_id,
        ),
        holder=HOLDER,
        actor=CUSTOMER,
        now=now,
    )


def pay(stripe: Stripe, opened: OpenedPayment, card: str = "pm_card_visa") -> dict[str, object]:
    """Pay in the browser."""
    assert opened.payment.provider_intent_id is not None
    return stripe.pay(opened.payment.provider_intent_id, opened.client_secret, card)


def run_out(claim_id: UUID | None) -> None:
    """Let a claim's time be over on the database's clock."""
    assert claim_id is not None
    SlotClaim.objects.filter(pk=claim_id).update(expires_at=database_now() - timedelta(seconds=1))


def lose_the_time(booking: Booking) -> None:
    """Let a booking expire as if Stripe had said "canceled" of its intent."""

    def work() -> None:
        locked = lock_booking(booking_id=booking.pk)
        assert locked.claim is not None
        assert begin_closing(claim=locked.claim)
        finish_closing(claim=locked.claim, booking=locked.booking, actor=SYSTEM, now=NOW)

    transactions.run(work)


def sweep(now: datetime = LATER) -> Swept:
    """Run the sweeper once, when everything is due."""
    return sweep_payments(now=now)


def payment_now(payment: Payment) -> Payment:
    """Read a payment again."""
    return Payment.objects.get(pk=payment.pk)


def booking_now(booking: Booking) -> Booking:
    """Read a booking again."""
    return Booking.objects.get(pk=booking.pk)


def claim_now(claim: SlotClaim | None) -> SlotClaim:
    """Read a claim again."""
    assert claim is not None
    return SlotClaim.objects.get(pk=claim.pk)


def promised() -> list[tuple[str, int]]:
    """Give every refund row as its occasion and its cents."""
    return [(r.reason_key, r.amount_cents) for r in Refund.objects.order_by("reason_key", "pk")]


def cases() -> QuerySet[Any]:
    """Give what waits or waited for a person; the desk is above us and known by name only."""
    return apps.get_model("desk", "Case")._default_manager.all()


def mails() -> QuerySet[Any]:
    """Give the messages that were asked for; integrations is above us, too."""
    return apps.get_model("integrations", "OutboxJob")._default_manager.all()


def breaches() -> list[Breach]:
    """Give what breaks any app's invariants now."""
    with connection.cursor() as cursor:
        return find_breaches(cursor=cursor, invariants=all_invariants())

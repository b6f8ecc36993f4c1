"""What was paid too much is promised back once, however often the price falls."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import Sum

from bookings.actions.cancel_booking import cancel_booking
from bookings.actions.record_payment import record_payment
from bookings.actions.record_refund import record_refund
from bookings.actions.update_booking import BookingChanges, update_booking
from bookings.models import Booking, SlotClaim
from bookings.tests.factories import CUSTOMER, NOW, TUESDAY_10, a_notary, book
from payments.actors import STRIPE
from payments.models import Payment, Refund
from payments.states import PaymentStatus, RefundState
from services.tests.fixtures import Catalogue


@pytest.fixture
def booking(catalogue: Catalogue) -> Booking:
    """Give a remote session of three acts and two signers, paid in full: 58 dollars."""
    a_notary(skills=["ron"])
    booking = book(slug="ron", zip_code=None, documents=3, signers=2)
    Payment.objects.update(status=PaymentStatus.SUCCEEDED, amount_captured_cents=5800)
    record_payment(
        booking=booking,
        claim=SlotClaim.objects.get(),
        payment_id=Payment.objects.get().pk,
        amount_cents=5800,
        kind="FULL",
        actor=STRIPE,
        now=NOW,
    )
    return booking


def change(booking: Booking, *, documents: int, signers: int = 2) -> int:
    """Ask for less; give what is promised back by now, in cents."""
    changes = BookingChanges(documents=documents, signers=signers)
    update_booking(booking_id=booking.pk, changes=changes, actor=CUSTOMER, now=NOW)
    return promised()


def promised() -> int:
    total: int = Refund.objects.aggregate(cents=Sum("amount_cents", default=0))["cents"]
    return total


def send_all(booking: Booking) -> None:
    """Let what is promised go back."""
    booking.refresh_from_db()
    for refund in Refund.objects.filter(status=RefundState.REQUESTED):
        Refund.objects.filter(pk=refund.pk).update(status=RefundState.SUCCEEDED)
        record_refund(
            booking=booking,
            refund_id=refund.pk,
            amount_cents=refund.amount_cents,
            actor=STRIPE,
            now=NOW,
        )


@pytest.mark.django_db
@pytest.mark.parametrize("is_sent_between", [True, False])
def test_two_falls_of_the_price_give_back_their_sum(
    booking: Booking, is_sent_between: bool
) -> None:
    assert change(booking, documents=2) == 5800 - 4700
    if is_sent_between:
        send_all(booking)
    assert change(booking, documents=1, signers=1) == 5800 - 3500


@pytest.mark.django_db
@pytest.mark.parametrize("is_sent_between", [True, False])
def test_what_a_cancellation_keeps_is_not_given_away_with_an_earlier_promise(
    booking: Booking, is_sent_between: bool
) -> None:
    change(booking, documents=1, signers=1)
    if is_sent_between:
        send_all(booking)
    late = TUESDAY_10 - timedelta(hours=3)
    cancelled = cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=late)
    assert cancelled.cancel_kept_cents == 1500
    assert promised() == 5800 - 1500


@pytest.mark.django_db
def test_a_rise_after_a_promise_owes_nothing_more(booking: Booking) -> None:
    first = change(booking, documents=1, signers=1)
    assert change(booking, documents=3) == first

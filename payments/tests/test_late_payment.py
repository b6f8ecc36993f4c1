"""Money that came when the time was gone: the same time again, or all of it back."""

from __future__ import annotations

import pytest

from bookings.models import Booking, SlotClaim
from bookings.states import BookingStatus, ClaimState
from bookings.tests.factories import NOW, book, hold
from payments.actions.open_payment import OpenedPayment
from payments.actions.resolve_late_payment import resolve_late_payment
from payments.actions.settle_payment import settle_payment
from payments.models import Payment, Refund
from payments.states import PaymentStatus
from payments.tests.driving import Stripe
from payments.tests.steps import (
    booking_now,
    open_for_booking,
    pay,
    payment_now,
    promised,
    sweep,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stripe", "notary")]


@pytest.fixture
def expired(stripe: Stripe) -> tuple[Booking, OpenedPayment]:
    """A booking that expired although its intent was paid: Stripe's answer lied or lagged."""
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened)
    # What the sweeper would have written had Stripe said "canceled".
    claim = SlotClaim.objects.get(booking=booking)
    SlotClaim.objects.filter(pk=claim.pk).update(state=ClaimState.RELEASED.value)
    Booking.objects.filter(pk=booking.pk).update(status=BookingStatus.EXPIRED.value)
    return booking, opened


def test_the_same_time_is_won_again(expired: tuple[Booking, OpenedPayment]) -> None:
    booking, opened = expired
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    after = booking_now(booking)
    assert after.status == BookingStatus.CONFIRMED
    assert after.amount_paid_cents == 4250
    assert payment_now(opened.payment).late_since is None
    assert SlotClaim.objects.get(booking=booking, state=ClaimState.BOOKED.value)
    assert not Refund.objects.exists()


def test_a_time_that_is_taken_means_all_of_it_back(
    stripe: Stripe, expired: tuple[Booking, OpenedPayment]
) -> None:
    booking, opened = expired
    hold()
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert booking_now(booking).status == BookingStatus.EXPIRED
    assert promised() == [("late", 4250)]
    sweep()
    assert payment_now(opened.payment).status == PaymentStatus.REFUNDED
    after = booking_now(booking)
    assert (after.amount_paid_cents, after.amount_refunded_cents) == (4250, 4250)
    assert [refund["amount"] for refund in stripe.refunds()] == [4250]


def test_a_crash_before_it_is_resolved_is_finished_by_the_sweeper(
    expired: tuple[Booking, OpenedPayment], monkeypatch: pytest.MonkeyPatch
) -> None:
    booking, opened = expired
    with monkeypatch.context() as patched:
        patched.setattr("payments.actions.settle_payment.resolve_late_payment", lambda **_: None)
        settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert payment_now(opened.payment).late_since == NOW
    assert booking_now(booking).status == BookingStatus.EXPIRED
    sweep()
    assert booking_now(booking).status == BookingStatus.CONFIRMED
    assert payment_now(opened.payment).late_since is None


def test_a_crash_after_the_time_was_won_refunds_nothing(
    expired: tuple[Booking, OpenedPayment],
) -> None:
    booking, opened = expired
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    Payment.objects.filter(pk=opened.payment.pk).update(late_since=NOW)
    resolve_late_payment(payment_id=opened.payment.pk, now=NOW)
    assert payment_now(opened.payment).late_since is None
    assert booking_now(booking).status == BookingStatus.CONFIRMED
    assert not Refund.objects.exists()


def test_resolving_twice_refunds_once(expired: tuple[Booking, OpenedPayment]) -> None:
    _, opened = expired
    hold()
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    Payment.objects.filter(pk=opened.payment.pk).update(late_since=NOW)
    resolve_late_payment(payment_id=opened.payment.pk, now=NOW)
    assert promised() == [("late", 4250)]

"""Letting go of a time: never before its intent is dead, never with money lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bookings.actions.cancel_booking import cancel_booking
from bookings.actions.release_hold import release_hold
from bookings.actions.waive_deposit import waive_deposit
from bookings.errors import HoldExpired
from bookings.holders import token_of
from bookings.models import Booking
from bookings.states import BookingStatus, ClaimState
from bookings.tests.factories import CUSTOMER, NOW, STAFF, book, hold
from payments.actions.close_claim import close_claim
from payments.actions.confirm_payment import confirm_payment
from payments.actions.settle_payment import settle_payment
from payments.models import Payment, Refund
from payments.provider import GatewayError
from payments.states import PaymentStatus
from payments.tests.driving import Stripe
from payments.tests.steps import (
    book_hold,
    booking_now,
    claim_now,
    held_and_opened,
    open_for_booking,
    open_for_hold,
    pay,
    payment_now,
    promised,
    run_out,
    sweep,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stripe", "notary")]


def _status(stripe: Stripe, payment: Payment) -> str:
    by_id = {intent["id"]: intent["status"] for intent in stripe.intents()}
    return str(by_id[str(payment.provider_intent_id)])


def test_expiry_cancels_the_intent_first_then_frees_the_time(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    run_out(opened.payment.claim_id)
    stripe.fail("error_429", path=f"/v1/payment_intents/{opened.payment.provider_intent_id}/cancel")
    sweep()
    # Stripe has not confirmed: the time stays taken and no intent opens.
    assert claim_now(opened.payment.claim).state == ClaimState.CLOSING
    assert booking_now(booking).status == BookingStatus.PENDING_PAYMENT
    with pytest.raises(HoldExpired):
        open_for_booking(booking)
    sweep(now=NOW + timedelta(hours=5))
    assert _status(stripe, opened.payment) == "canceled"
    assert payment_now(opened.payment).status == PaymentStatus.CANCELLED
    assert claim_now(opened.payment.claim).state == ClaimState.RELEASED
    assert booking_now(booking).status == BookingStatus.EXPIRED
    assert pay(stripe, opened)["error"]
    with pytest.raises(HoldExpired):
        confirm_payment(payment_id=opened.payment.pk, now=NOW)
    # And it is free for the next.
    assert hold().claim.starts_at == booking.starts_at


def test_a_claim_within_its_time_is_left_alone(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    close_claim(claim_id=claim_now(opened.payment.claim).pk, now=NOW)
    assert claim_now(opened.payment.claim).state == ClaimState.PAYING
    assert _status(stripe, opened.payment) == "requires_payment_method"


def test_money_that_came_while_closing_confirms(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened)
    run_out(opened.payment.claim_id)
    sweep()
    assert booking_now(booking).status == BookingStatus.CONFIRMED
    assert claim_now(opened.payment.claim).state == ClaimState.BOOKED
    assert not Refund.objects.exists()


def test_processing_money_keeps_the_time_past_its_end(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened, "pm_sandbox_processing")
    run_out(opened.payment.claim_id)
    sweep()
    claim = claim_now(opened.payment.claim)
    assert claim.state == ClaimState.CLOSING
    assert claim.expires_at == claim.held_at + timedelta(minutes=45)
    stripe.turn("advance", {"seconds": 60})
    sweep(now=NOW + timedelta(hours=5))
    assert booking_now(booking).status == BookingStatus.CONFIRMED


def test_a_booking_nobody_tried_to_pay_expires_without_a_call(stripe: Stripe) -> None:
    booking = book()
    payment = Payment.objects.get()
    run_out(payment.claim_id)
    stripe.fail("error_500", path="/v1/", times=-1)
    sweep()
    stripe.heal()
    assert booking_now(booking).status == BookingStatus.EXPIRED
    assert payment_now(payment).status == PaymentStatus.CANCELLED
    assert stripe.intents() == []


def test_an_intent_whose_reference_was_lost_is_found_by_its_key_and_cancelled(
    stripe: Stripe,
) -> None:
    booking = book()
    opened = open_for_booking(booking)
    Payment.objects.filter(pk=opened.payment.pk).update(
        provider_intent_id=None, status=PaymentStatus.CREATED.value
    )
    run_out(opened.payment.claim_id)
    sweep()
    assert [intent["status"] for intent in stripe.intents()] == ["canceled"]
    assert booking_now(booking).status == BookingStatus.EXPIRED


def test_paid_on_a_hold_and_the_page_closed_is_refunded_and_the_slot_free(stripe: Stripe) -> None:
    held, opened = held_and_opened()
    pay(stripe, opened)
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    run_out(held.claim.pk)
    sweep()
    assert promised() == [("unclaimed", 4250)]
    assert claim_now(held.claim).state == ClaimState.RELEASED
    assert payment_now(opened.payment).status == PaymentStatus.REFUNDED
    assert [refund["amount"] for refund in stripe.refunds()] == [4250]
    assert hold().claim.starts_at == held.claim.starts_at


def test_paid_on_a_hold_that_nobody_settled_is_refunded_too(stripe: Stripe) -> None:
    held, opened = held_and_opened()
    pay(stripe, opened)
    run_out(held.claim.pk)
    sweep()
    assert claim_now(held.claim).state == ClaimState.RELEASED
    sweep(now=NOW + timedelta(hours=3))
    assert [refund["amount"] for refund in stripe.refunds()] == [4250]
    with pytest.raises(HoldExpired):
        book_hold(held)
    assert not Booking.objects.exists()


def test_a_hold_given_back_while_paying_cancels_its_intent(stripe: Stripe) -> None:
    held, opened = held_and_opened()
    release_hold(claim_id=held.claim.pk, token=token_of(claim_now(held.claim)))
    assert claim_now(held.claim).state == ClaimState.CLOSING
    sweep()
    assert claim_now(held.claim).state == ClaimState.RELEASED
    assert _status(stripe, opened.payment) == "canceled"


def test_cancelling_before_any_intent_frees_the_time_at_once(stripe: Stripe) -> None:
    booking = book()
    payment = Payment.objects.get()
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    assert payment_now(payment).status == PaymentStatus.CANCELLED
    assert claim_now(payment.claim).state == ClaimState.RELEASED
    assert stripe.intents() == []


def test_cancelling_with_an_open_intent_frees_the_time_when_it_is_dead(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    assert claim_now(opened.payment.claim).state == ClaimState.CLOSING
    assert booking_now(booking).status == BookingStatus.CANCELLED
    sweep()
    assert _status(stripe, opened.payment) == "canceled"
    assert claim_now(opened.payment.claim).state == ClaimState.RELEASED
    assert booking_now(booking).status == BookingStatus.CANCELLED


def test_an_open_balance_of_a_cancelled_booking_is_withdrawn(stripe: Stripe) -> None:
    booking = book()
    pay(stripe, open_for_booking(booking))
    sweep()
    balance = open_for_booking(booking)
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    sweep()
    assert _status(stripe, balance.payment) == "canceled"
    assert payment_now(balance.payment).status == PaymentStatus.CANCELLED


def test_a_deposit_that_was_waived_is_not_asked_for_any_more(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    waive_deposit(booking_id=booking.pk, reason="A good customer", actor=STAFF, now=NOW)
    sweep()
    assert _status(stripe, opened.payment) == "canceled"
    assert booking_now(booking).status == BookingStatus.CONFIRMED
    assert claim_now(opened.payment.claim).state == ClaimState.BOOKED


def test_a_close_that_dies_after_its_first_commit_is_finished(
    stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, opened = held_and_opened()
    run_out(held.claim.pk)
    with monkeypatch.context() as patched:
        patched.setattr("payments.actions.close_claim.close_payment", _die)
        with pytest.raises(GatewayError):
            close_claim(claim_id=held.claim.pk, now=NOW)
    assert claim_now(held.claim).state == ClaimState.CLOSING
    sweep()
    assert claim_now(held.claim).state == ClaimState.RELEASED
    assert _status(stripe, opened.payment) == "canceled"


def _die(**_: object) -> None:
    raise GatewayError("as if the process had died here")


def test_a_hold_whose_intent_was_cancelled_at_stripe_may_be_paid_anew(stripe: Stripe) -> None:
    held, opened = held_and_opened()
    stripe.ask("POST", f"payment_intents/{opened.payment.provider_intent_id}/cancel")
    again = open_for_hold(held)
    assert again.payment.pk != opened.payment.pk
    assert payment_now(opened.payment).status == PaymentStatus.CANCELLED
    assert claim_now(held.claim).state == ClaimState.PAYING

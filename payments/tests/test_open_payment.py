"""Opening intents: what is asked for, once, and what is refused without a trace."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from bookings.actions.begin_closing import begin_closing
from bookings.actions.cancel_booking import cancel_booking
from bookings.errors import HoldExpired, HoldNotFound, InvalidStatusTransition, NothingDue
from bookings.holders import token_of
from bookings.models import Booking, Notary, SlotClaim
from bookings.states import BookingStatus, ClaimState
from bookings.tests.factories import CUSTOMER, NOW, STAFF, TUESDAY_10, book, hold
from hmnp.core.errors import ServiceUnavailable
from payments.actions import request_intent
from payments.actions.open_payment import HoldToPay, OpenedPayment, open_payment
from payments.actions.settle_payment import settle_payment
from payments.models import Payment
from payments.states import PaymentKind, PaymentStatus
from payments.tests.driving import Stripe
from payments.tests.steps import (
    booking_now,
    claim_now,
    open_for_booking,
    open_for_hold,
    pay,
    payment_now,
    run_out,
    sweep,
)
from services.models import Service

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stripe", "notary")]


def test_a_hold_is_asked_for_its_deposit(stripe: Stripe) -> None:
    held = hold()
    opened = open_for_hold(held)
    assert opened.is_new
    assert (opened.payment.kind, opened.payment.amount_cents) == (PaymentKind.DEPOSIT, 4250)
    assert claim_now(held.claim).state == ClaimState.PAYING
    [intent] = stripe.intents()
    assert intent["id"] == opened.payment.provider_intent_id
    assert intent["amount"] == 4250
    assert intent["metadata"]["payment_id"] == str(opened.payment.pk)
    assert opened.client_secret == intent["client_secret"]


def test_the_client_secret_is_kept_nowhere(stripe: Stripe) -> None:
    opened = open_for_hold(hold())
    row = Payment.objects.filter(pk=opened.payment.pk).values().get()
    assert opened.client_secret not in str(row)
    assert opened.client_secret not in repr(opened)


def test_a_booking_is_asked_for_its_deposit_with_its_reference(stripe: Stripe) -> None:
    booking = book()
    assert Payment.objects.get().intent_requested_at is None
    opened = open_for_booking(booking)
    assert opened.is_new
    assert Payment.objects.count() == 1
    [intent] = stripe.intents()
    assert intent["metadata"]["booking_id"] == str(booking.pk)
    assert intent["metadata"]["reference"] == booking.reference


def test_an_online_booking_is_asked_for_all_of_it(notary: Notary) -> None:
    notary.skills.add(Service.objects.get(slug="ron"))
    booking = book(slug="ron", zip_code=None, starts_at=TUESDAY_10)
    opened = open_for_booking(booking)
    assert (opened.payment.kind, opened.payment.amount_cents) == (PaymentKind.FULL, 3500)


def test_asked_again_it_is_the_same_live_intent(stripe: Stripe) -> None:
    held = hold()
    first, second = open_for_hold(held), open_for_hold(held)
    assert (first.is_new, second.is_new) == (True, False)
    assert first.client_secret == second.client_secret
    assert first.expires_at == second.expires_at
    assert len(stripe.intents()) == 1


def test_whoever_asked_first_is_told_so_though_the_webhook_stored_it_before_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def webhook_is_faster(point: str) -> None:
        if point == "intent.created" and not seen:
            seen.append(point)
            payment = Payment.objects.get()
            request_intent.request_intent(payment_id=payment.pk, now=NOW)

    seen: list[str] = []
    monkeypatch.setattr(request_intent, "crashpoint", webhook_is_faster)
    assert open_for_booking(book()).is_new
    assert seen
    assert not open_for_booking(Booking.objects.get()).is_new


def test_two_at_once_get_one_intent(stripe: Stripe) -> None:
    held = hold()
    opened: list[OpenedPayment] = []

    def ask() -> None:
        try:
            opened.append(open_for_hold(held))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    assert len({one.client_secret for one in opened}) == 1
    assert sum(one.is_new for one in opened) == 1
    assert len(stripe.intents()) == 1
    assert Payment.objects.count() == 1


def test_a_hold_that_ran_out_is_refused_without_a_trace(stripe: Stripe) -> None:
    held = hold()
    run_out(held.claim.pk)
    with pytest.raises(HoldExpired):
        open_for_hold(held)
    assert not Payment.objects.exists()
    assert not stripe.intents()
    assert claim_now(held.claim).state == ClaimState.HELD


def test_a_wrong_token_is_refused_without_a_trace(stripe: Stripe) -> None:
    held, other = hold(), hold(starts_at=TUESDAY_10 + timedelta(hours=3))
    token = token_of(other.claim)
    SlotClaim.objects.filter(pk=other.claim.pk).update(token_hash="revoked")
    with pytest.raises(HoldNotFound):
        open_payment(target=HoldToPay(token=token), now=NOW)
    assert not Payment.objects.exists()
    assert claim_now(held.claim).state == ClaimState.HELD


def test_a_closing_claim_opens_no_intent() -> None:
    held = hold()
    opened = open_for_hold(held)
    begin_closing(claim=claim_now(held.claim))
    with pytest.raises(HoldExpired):
        open_for_hold(held)
    assert payment_now(opened.payment).status == PaymentStatus.REQUIRES_PAYMENT


def test_a_confirmed_booking_is_asked_for_its_balance_then_for_nothing(stripe: Stripe) -> None:
    booking = book()
    pay(stripe, open_for_booking(booking))
    settle_payment(payment_id=Payment.objects.get().pk, now=NOW)
    opened = open_for_booking(booking)
    assert (opened.payment.kind, opened.payment.amount_cents) == (PaymentKind.BALANCE, 4250)
    assert opened.expires_at is None
    pay(stripe, opened)
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    after = booking_now(booking)
    assert (after.amount_paid_cents, after.balance_due_cents) == (8500, 0)
    with pytest.raises(NothingDue):
        open_for_booking(booking)


def test_a_paid_but_unsettled_intent_is_settled_and_nothing_more_is_due_on_the_hold(
    stripe: Stripe,
) -> None:
    held = hold()
    opened = open_for_hold(held)
    pay(stripe, opened)
    with pytest.raises(NothingDue):
        open_for_hold(held)
    assert payment_now(opened.payment).status == PaymentStatus.SUCCEEDED


def test_another_balance_replaces_the_open_one(stripe: Stripe) -> None:
    booking = book()
    pay(stripe, open_for_booking(booking))
    settle_payment(payment_id=Payment.objects.get().pk, now=NOW)
    first = open_for_booking(booking)
    Booking.objects.filter(pk=booking.pk).update(price_cents=9500)
    second = open_for_booking(booking)
    assert second.payment.amount_cents == 5250
    assert payment_now(first.payment).status == PaymentStatus.CANCELLED
    by_id = {intent["id"]: intent["status"] for intent in stripe.intents()}
    assert by_id[str(first.payment.provider_intent_id)] == "canceled"


def test_a_few_cents_are_not_charged_alone(stripe: Stripe) -> None:
    booking = book(actor=STAFF)
    assert booking.status == BookingStatus.CONFIRMED
    Booking.objects.filter(pk=booking.pk).update(amount_paid_cents=8460)
    with pytest.raises(NothingDue):
        open_for_booking(booking)
    assert not Payment.objects.exists()


def test_a_cancelled_booking_takes_no_money(stripe: Stripe) -> None:
    booking = book()
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    with pytest.raises(InvalidStatusTransition):
        open_for_booking(booking)
    assert not stripe.intents()


def test_an_expired_booking_is_gone(stripe: Stripe) -> None:
    booking = book()
    run_out(SlotClaim.objects.get().pk)
    sweep()
    assert booking_now(booking).status == BookingStatus.EXPIRED
    with pytest.raises(HoldExpired):
        open_for_booking(booking)
    assert not stripe.intents()


def test_an_unreachable_stripe_is_said_and_the_sweeper_finishes_with_the_same_key(
    stripe: Stripe,
) -> None:
    booking = book()
    stripe.fail("error_429", path="/v1/payment_intents", times=1)
    with pytest.raises(ServiceUnavailable):
        open_for_booking(booking)
    assert Payment.objects.get().status == PaymentStatus.CREATED
    sweep()
    payment = Payment.objects.get()
    assert payment.status == PaymentStatus.REQUIRES_PAYMENT
    [intent] = stripe.intents()
    assert payment.provider_intent_id == intent["id"]
    assert open_for_booking(booking).client_secret == intent["client_secret"]


@pytest.mark.parametrize("action", ["error_500", "error_500_after_commit"])
def test_a_stored_failure_does_not_block_the_payment(stripe: Stripe, action: str) -> None:
    booking = book()
    stripe.fail(action, path="/v1/payment_intents")
    opened = open_for_booking(booking)
    [intent] = stripe.intents()
    assert opened.payment.provider_intent_id == intent["id"]
    key = f"pi-{opened.payment.pk}"
    if action == "error_500":
        assert opened.payment.idempotency_key == f"{key}-2"
    else:
        assert opened.payment.idempotency_key == key


def test_an_answer_that_was_lost_is_found_again(stripe: Stripe) -> None:
    booking = book()
    stripe.fail("reset_after_commit", path="/v1/payment_intents")
    opened = open_for_booking(booking)
    [intent] = stripe.intents()
    assert opened.payment.provider_intent_id == intent["id"]


def test_past_the_life_of_a_key_the_intent_is_searched_first(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    # As if the answer had never been stored; meanwhile Stripe has forgotten the key.
    Payment.objects.filter(pk=opened.payment.pk).update(
        provider_intent_id=None, status=PaymentStatus.CREATED.value
    )
    stripe.turn("advance", {"seconds": 90_000})
    again = open_for_booking(booking, now=NOW + timedelta(hours=25))
    assert again.payment.provider_intent_id == opened.payment.provider_intent_id
    assert len(stripe.intents()) == 1

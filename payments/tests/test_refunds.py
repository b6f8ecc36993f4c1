"""Giving back: once for each occasion, never above what was captured, ours or Stripe's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from bookings.actions.cancel_booking import cancel_booking
from bookings.models import Booking
from bookings.states import RefundStatus
from bookings.tests.factories import CUSTOMER, NOW, STAFF, book
from payments.actions.request_refund import request_refund
from payments.actions.send_refund import send_refund
from payments.actions.settle_payment import settle_payment
from payments.actions.take_hint import HintOutcome, take_hint
from payments.locks import lock_payments_of_booking
from payments.models import Payment, Refund
from payments.provider import StripeEvent
from payments.states import PaymentStatus, RefundState
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


def _paid(stripe: Stripe, card: str = "pm_card_visa") -> tuple[Booking, Payment]:
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened, card)
    return booking, settle_payment(payment_id=opened.payment.pk, now=NOW)


def _ask_back(booking: Booking, cents: int, reason: str = "test") -> list[Refund]:
    with transaction.atomic():
        return request_refund(
            payments=lock_payments_of_booking(booking_id=booking.pk),
            amount_cents=cents,
            reason_key=reason,
            now=NOW,
        )


def test_cancelling_in_time_gives_everything_back(stripe: Stripe) -> None:
    booking, payment = _paid(stripe)
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    assert promised() == [("cancel", 4250)]
    assert booking_now(booking).refund_status == RefundStatus.PENDING
    sweep()
    after = booking_now(booking)
    assert (after.amount_refunded_cents, after.refund_status) == (4250, RefundStatus.SUCCEEDED)
    assert payment_now(payment).status == PaymentStatus.REFUNDED
    [refund] = stripe.refunds()
    assert refund["amount"] == 4250
    assert refund["metadata"]["booking_id"] == str(booking.pk)


def test_cancelling_late_keeps_the_tiers_part(stripe: Stripe) -> None:
    booking, payment = _paid(stripe)
    soon = booking.starts_at - timedelta(hours=3)
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=soon)
    sweep(now=soon)
    assert payment_now(payment).status == PaymentStatus.PARTIALLY_REFUNDED
    assert payment_now(payment).amount_refunded_cents == 4250 - 1500
    assert booking_now(booking).refund_status == RefundStatus.SUCCEEDED


def test_cancelling_twice_refunds_once(stripe: Stripe) -> None:
    booking, _ = _paid(stripe)
    for _ in range(2):
        cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    sweep()
    sweep(now=NOW + timedelta(hours=5))
    assert [refund["amount"] for refund in stripe.refunds()] == [4250]


def test_the_same_occasion_is_promised_once(stripe: Stripe) -> None:
    booking, _ = _paid(stripe)
    assert _ask_back(booking, 1000) == _ask_back(booking, 1000)
    assert promised() == [("test", 1000)]


def test_never_more_than_was_captured_is_promised(stripe: Stripe) -> None:
    booking, _ = _paid(stripe)
    _ask_back(booking, 3000, "first")
    _ask_back(booking, 3000, "second")
    _ask_back(booking, 3000, "third")
    assert promised() == [("first", 3000), ("second", 1250)]
    sweep()
    assert sum(refund["amount"] for refund in stripe.refunds()) == 4250


def test_the_newest_payment_is_given_back_first(stripe: Stripe) -> None:
    booking, deposit = _paid(stripe)
    balance = open_for_booking(booking, now=NOW + timedelta(minutes=1))
    pay(stripe, balance)
    settle_payment(payment_id=balance.payment.pk, now=NOW)
    _ask_back(booking, 6000)
    shares = {refund.payment_id: refund.amount_cents for refund in Refund.objects.all()}
    assert shares == {balance.payment.pk: 4250, deposit.pk: 1750}


def test_what_exceeds_the_price_goes_back_after_settling(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    Booking.objects.filter(pk=booking.pk).update(price_cents=4000, due_now_cents=2000)
    pay(stripe, opened)
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert [cents for _, cents in promised()] == [250]
    sweep()
    after = booking_now(booking)
    assert (after.net_paid_cents, after.balance_due_cents) == (4000, 0)


def test_a_passing_failure_is_tried_again(stripe: Stripe) -> None:
    booking, _ = _paid(stripe)
    [refund] = _ask_back(booking, 1000)
    stripe.fail("error_429", path="/v1/refunds")
    send_refund(refund_id=refund.pk, now=NOW)
    refund.refresh_from_db()
    assert refund.status == RefundState.REQUESTED
    assert refund.run_at > NOW
    assert refund.last_error
    assert send_refund(refund_id=refund.pk, now=NOW).attempts == 1
    sweep()
    refund.refresh_from_db()
    assert refund.status == RefundState.SUCCEEDED


@pytest.mark.parametrize("action", ["error_500", "error_500_after_commit", "reset_after_commit"])
def test_a_refund_whose_answer_was_lost_is_sent_once(stripe: Stripe, action: str) -> None:
    booking, payment = _paid(stripe)
    [refund] = _ask_back(booking, 1000)
    stripe.fail(action, path="/v1/refunds")
    send_refund(refund_id=refund.pk, now=NOW)
    sweep()
    assert [found["amount"] for found in stripe.refunds()] == [1000]
    assert payment_now(payment).amount_refunded_cents == 1000


def test_past_the_life_of_a_key_the_refund_is_searched_first(stripe: Stripe) -> None:
    booking, payment = _paid(stripe)
    [refund] = _ask_back(booking, 1000)
    stripe.fail("reset_after_commit", path="/v1/refunds", times=3)
    send_refund(refund_id=refund.pk, now=NOW)
    stripe.heal()
    refund.refresh_from_db()
    assert (refund.status, refund.provider_refund_id) == (RefundState.REQUESTED, None)
    assert len(stripe.refunds()) == 1

    # By then Stripe has forgotten the key, and would pay a second time under it.
    stripe.turn("advance", {"seconds": 90_000})
    send_refund(refund_id=refund.pk, now=NOW + timedelta(hours=25))
    assert [found["amount"] for found in stripe.refunds()] == [1000]
    assert payment_now(payment).amount_refunded_cents == 1000


def test_a_crash_after_stripe_paid_back_records_it_once(
    stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking, payment = _paid(stripe)
    [refund] = _ask_back(booking, 1000)
    with monkeypatch.context() as patched:
        patched.setattr("payments.actions.send_refund._record", lambda *_: None)
        send_refund(refund_id=refund.pk, now=NOW)
    assert payment_now(payment).amount_refunded_cents == 0
    sweep()
    assert payment_now(payment).amount_refunded_cents == 1000
    assert booking_now(booking).amount_refunded_cents == 1000
    assert len(stripe.refunds()) == 1


def test_what_stripe_refuses_for_good_waits_for_a_person(stripe: Stripe) -> None:
    booking, payment = _paid(stripe)
    stripe.ask("POST", "refunds", payment_intent=str(payment.provider_intent_id))
    cancel_booking(booking_id=booking.pk, reason="", actor=STAFF, now=NOW)
    sweep()
    refund = Refund.objects.get()
    assert refund.status == RefundState.FAILED
    assert "charge_already_refunded" in refund.last_error
    assert booking_now(booking).refund_status == RefundStatus.FAILED
    assert payment_now(payment).amount_refunded_cents == 0
    assert len(stripe.refunds()) == 1


def test_a_pending_refund_is_asked_about_until_it_is_there(stripe: Stripe) -> None:
    booking, payment = _paid(stripe, "pm_card_pendingRefund")
    _ask_back(booking, 1000)
    sweep()
    assert Refund.objects.get().status == RefundState.PENDING
    assert payment_now(payment).amount_refunded_cents == 0
    stripe.turn("advance", {"seconds": 60})
    sweep(now=NOW + timedelta(hours=5))
    assert Refund.objects.get().status == RefundState.SUCCEEDED
    assert payment_now(payment).amount_refunded_cents == 1000


def test_a_refund_the_bank_returns_is_taken_back_and_may_be_given_again(stripe: Stripe) -> None:
    booking, payment = _paid(stripe, "pm_card_refundFail")
    [refund] = _ask_back(booking, 4250)
    sweep()
    assert payment_now(payment).status == PaymentStatus.REFUNDED
    stripe.turn("advance", {"seconds": 60})
    refund.refresh_from_db()
    hint = StripeEvent(
        id="evt_1",
        type="refund.failed",
        created_at=NOW,
        object_type="refund",
        object_id=str(refund.provider_refund_id),
        intent_id=str(payment.provider_intent_id),
        metadata={},
    )
    for _ in range(2):
        assert take_hint(event=hint, now=NOW) is HintOutcome.DONE
    refund.refresh_from_db()
    assert refund.status == RefundState.FAILED
    assert payment_now(payment).status == PaymentStatus.SUCCEEDED
    assert payment_now(payment).amount_refunded_cents == 0
    assert booking_now(booking).amount_refunded_cents == 0
    assert [r.amount_cents for r in _ask_back(booking, 4250, "again")] == [4250]


def test_cash_that_stripe_never_had_is_not_refunded_by_card(
    stripe: Stripe, caplog: pytest.LogCaptureFixture
) -> None:
    booking, _ = _paid(stripe)
    assert sum(refund.amount_cents for refund in _ask_back(booking, 8500)) == 4250
    assert "refund exceeds" in caplog.text

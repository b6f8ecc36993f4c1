"""Money that staff take, give and ask for: who, why, never too much, and what is due afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bookings.actions.cancel_booking import cancel_booking
from bookings.actions.waive_deposit import waive_deposit
from bookings.errors import InvalidStatusTransition, NothingDue
from bookings.models import Booking
from bookings.states import BookingStatus, RefundStatus
from bookings.tests.factories import CUSTOMER, NOW, STAFF, book
from hmnp.core.errors import ValidationFailed
from payments.actions.record_offline_payment import record_offline_payment
from payments.actions.record_refund_by_hand import record_refund_by_hand
from payments.actions.refund_payment import refund_payment
from payments.actions.retry_refund import retry_refund
from payments.actions.send_pay_link import send_pay_link
from payments.actions.settle_payment import settle_payment
from payments.actions.take_hint import take_hint
from payments.models import Payment, Refund
from payments.provider import StripeEvent
from payments.states import PaymentMethod, PaymentStatus, RefundMethod, RefundState
from payments.tests.driving import Stripe
from payments.tests.steps import (
    booking_now,
    breaches,
    cases,
    mails,
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


def _cash(booking: Booking, cents: int, method: PaymentMethod = PaymentMethod.CASH) -> Payment:
    return record_offline_payment(
        booking_id=booking.pk,
        amount_cents=cents,
        method=method,
        note="at the door",
        actor=STAFF,
        now=NOW,
    )


def _open_cases() -> list[tuple[str, str]]:
    return sorted(cases().filter(closed_at=None).values_list("kind", "repair"))


def _dues(booking: Booking) -> tuple[int, int]:
    now = booking_now(booking)
    return now.amount_due_cents, now.balance_due_cents


def test_what_is_due_is_right_after_every_step(stripe: Stripe) -> None:
    booking = book()
    assert _dues(booking) == (4250, 8500)
    opened = open_for_booking(booking)
    pay(stripe, opened)
    assert _dues(booking) == (4250, 8500)
    payment = settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert _dues(booking) == (0, 4250)
    _cash(booking, 2000)
    assert _dues(booking) == (0, 2250)
    balance = open_for_booking(booking)
    assert balance.payment.amount_cents == 2250
    pay(stripe, balance)
    settle_payment(payment_id=balance.payment.pk, now=NOW)
    assert _dues(booking) == (0, 0)
    refund_payment(
        payment_id=payment.pk, amount_cents=1000, reason="late notary", actor=STAFF, now=NOW
    )
    assert _dues(booking) == (0, 0)
    sweep()
    # As the contract counts: price less paid, plus refunded.
    assert _dues(booking) == (0, 1000)
    cancel_booking(booking_id=booking.pk, reason="", actor=STAFF, now=NOW, by_us=True)
    assert _dues(booking) == (0, 0)
    sweep(now=NOW + timedelta(hours=3))
    assert sorted(refund["amount"] for refund in stripe.refunds()) == [1000, 2250, 3250]
    [by_hand] = Refund.objects.filter(method=RefundMethod.BY_HAND)
    assert (by_hand.amount_cents, by_hand.status) == (2000, RefundState.REQUESTED)
    assert _open_cases() == [("REFUND_NOT_COVERED", "refund_by_hand")]
    assert booking_now(booking).refund_status == RefundStatus.PENDING
    record_refund_by_hand(refund_id=by_hand.pk, note="in the office", actor=STAFF, now=NOW)
    assert booking_now(booking).refund_status == RefundStatus.SUCCEEDED
    assert booking_now(booking).net_paid_cents == 0
    assert _open_cases() == []
    assert breaches() == []


def test_a_waived_deposit_leaves_all_of_the_price_in_the_balance() -> None:
    booking = book()
    waive_deposit(booking_id=booking.pk, reason="a friend", actor=STAFF, now=NOW)
    assert _dues(booking) == (0, 8500)
    _cash(booking, 8500, PaymentMethod.CHEQUE)
    assert _dues(booking) == (0, 0)
    with pytest.raises(NothingDue):
        _cash(booking, 1)
    assert breaches() == []


def test_cash_confirms_a_booking_that_waited_and_says_who_took_it() -> None:
    booking = book()
    payment = _cash(booking, 4250)
    assert booking_now(booking).status == BookingStatus.CONFIRMED
    assert (payment.method, payment.recorded_by, payment.kind) == ("CASH", "admin:1", "DEPOSIT")
    assert (payment.status, payment.note) == (PaymentStatus.SUCCEEDED, "at the door")
    assert breaches() == []


@pytest.mark.parametrize("cents", [0, -5, 4249, 8501])
def test_too_little_or_too_much_cash_is_refused(cents: int) -> None:
    booking = book()
    with pytest.raises(ValidationFailed):
        _cash(booking, cents)
    assert _dues(booking) == (4250, 8500)
    assert not Payment.objects.filter(method=PaymentMethod.CASH).exists()


def test_the_same_form_records_once() -> None:
    booking = book()
    for _ in range(2):
        record_offline_payment(
            booking_id=booking.pk,
            amount_cents=4250,
            method=PaymentMethod.CASH,
            note="",
            actor=STAFF,
            now=NOW,
            request_key="form-1",
        )
    assert booking_now(booking).amount_paid_cents == 4250


def test_a_cancelled_booking_takes_no_cash() -> None:
    booking = book()
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    with pytest.raises(InvalidStatusTransition):
        _cash(booking, 4250)


def test_a_card_charged_after_cash_goes_back_and_never_touches_the_booking(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened)
    _cash(booking, 4250)
    before = booking_now(booking)
    payment = settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert payment.is_duplicate
    assert promised() == [("duplicate", 4250)]
    sweep()
    assert payment_now(payment).status == PaymentStatus.REFUNDED
    after = booking_now(booking)
    assert (after.status, after.version) == (BookingStatus.CONFIRMED, before.version)
    assert (after.amount_paid_cents, after.amount_refunded_cents) == (4250, 0)
    assert breaches() == []


def test_a_partial_refund_keeps_its_reason_and_never_exceeds_what_is_left(stripe: Stripe) -> None:
    booking, payment = _paid(stripe)

    def give(cents: int, key: str = "", reason: str = "goodwill") -> Refund:
        return refund_payment(
            payment_id=payment.pk,
            amount_cents=cents,
            reason=reason,
            actor=STAFF,
            now=NOW,
            request_key=key,
        )

    refund = give(1000, "k")
    assert give(1000, "k").pk == refund.pk
    assert (refund.recorded_by, refund.note) == ("admin:1", "goodwill")
    for cents, reason in ((3251, "x"), (0, "x"), (-1, "x"), (5, " ")):
        with pytest.raises(ValidationFailed):
            give(cents, reason=reason)
    give(3250)
    with pytest.raises(ValidationFailed):
        give(1)
    sweep()
    assert payment_now(payment).status == PaymentStatus.REFUNDED
    assert booking_now(booking).status == BookingStatus.CONFIRMED
    assert breaches() == []


def _failed_refund(stripe: Stripe) -> tuple[Booking, Payment, Refund]:
    booking, payment = _paid(stripe, "pm_card_refundFail")
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    sweep()
    stripe.turn("advance", {"seconds": 60})
    refund = Refund.objects.get()
    hint = StripeEvent(
        id="evt_1",
        type="refund.failed",
        created_at=NOW,
        object_type="refund",
        object_id=str(refund.provider_refund_id),
        intent_id="",
        metadata={},
    )
    take_hint(event=hint, now=NOW)
    refund.refresh_from_db()
    assert refund.status == RefundState.FAILED
    return booking, payment, refund


def test_a_failed_refund_calls_a_person_who_gives_it_by_hand(stripe: Stripe) -> None:
    booking, payment, refund = _failed_refund(stripe)
    assert _open_cases() == [("REFUND_FAILED", "send_again_or_by_hand")]
    assert booking_now(booking).refund_status == RefundStatus.FAILED
    given = record_refund_by_hand(refund_id=refund.pk, note="check 17", actor=STAFF, now=NOW)
    assert (given.method, given.note, given.recorded_by) == ("BY_HAND", "check 17", "admin:1")
    assert _open_cases() == []
    assert payment_now(payment).status == PaymentStatus.REFUNDED
    assert booking_now(booking).refund_status == RefundStatus.SUCCEEDED
    for again in (
        lambda: retry_refund(refund_id=refund.pk, actor=STAFF, now=NOW),
        lambda: record_refund_by_hand(refund_id=refund.pk, note="x", actor=STAFF, now=NOW),
    ):
        with pytest.raises(InvalidStatusTransition):
            again()
    assert breaches() == []


def test_a_failed_refund_is_sent_again_once(stripe: Stripe) -> None:
    _, _, refund = _failed_refund(stripe)
    again = retry_refund(refund_id=refund.pk, actor=STAFF, now=NOW)
    with pytest.raises(InvalidStatusTransition):
        retry_refund(refund_id=refund.pk, actor=STAFF, now=NOW)
    sweep()
    again.refresh_from_db()
    assert again.status == RefundState.SUCCEEDED
    assert len(stripe.refunds()) == 2
    assert breaches() == []


def test_a_refund_that_keeps_failing_calls_a_person_and_goes_on(stripe: Stripe) -> None:
    booking, payment = _paid(stripe)
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    stripe.fail("error_429", path="/v1/refunds", times=-1)
    at = NOW
    for _ in range(8):
        at += timedelta(hours=2)
        sweep(now=at)
    assert _open_cases() == [("REFUND_FAILED", "send_again_or_by_hand")]
    stripe.heal()
    sweep(now=at + timedelta(hours=2))
    assert _open_cases() == []
    assert payment_now(payment).status == PaymentStatus.REFUNDED


def test_a_pay_link_is_mailed_once_in_five_minutes_and_only_while_something_is_due() -> None:
    booking = book()
    for _ in range(2):
        send_pay_link(booking_id=booking.pk, now=NOW)
    assert mails().filter(message_kind="pay_link").count() == 1
    _cash(booking, 8500)
    with pytest.raises(NothingDue):
        send_pay_link(booking_id=booking.pk, now=NOW)

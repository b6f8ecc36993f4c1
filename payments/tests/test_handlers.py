"""Reactions to what bookings states: rows, in the fact's own transaction."""

from __future__ import annotations

import pytest
from django.db import transaction

from bookings.actions.cancel_booking import cancel_booking
from bookings.events import BookingExpired, BookingRepriced
from bookings.models import Booking, TimelineEvent
from bookings.states import BookingStatus, ClaimState
from bookings.tests.factories import CUSTOMER, NOW, STAFF, book, hold
from hmnp.core.context import SYSTEM
from hmnp.core.events import Event, emit
from payments import stripe_gateway as gateway
from payments.actions.settle_payment import settle_payment
from payments.models import Payment
from payments.states import PaymentKind, PaymentStatus
from payments.tests.driving import Stripe
from payments.tests.steps import (
    book_hold,
    booking_now,
    claim_now,
    held_and_opened,
    open_for_booking,
    pay,
    payment_now,
    promised,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stripe", "notary")]


def _state(event: Event) -> None:
    with transaction.atomic():
        emit(event)


def _repriced(booking: Booking, due_cents: int) -> BookingRepriced:
    return BookingRepriced(
        booking_id=booking.pk, version=booking.version, actor=SYSTEM, due_cents=due_cents
    )


def test_a_booking_with_something_due_has_its_payment_in_the_same_transaction() -> None:
    booking = book()
    payment = Payment.objects.get()
    assert payment.booking_id == booking.pk
    assert (payment.status, payment.amount_cents) == (PaymentStatus.CREATED, 4250)
    assert payment.created_at == booking.created_at
    assert payment.intent_requested_at is None


def test_a_booking_with_nothing_due_has_none() -> None:
    assert book(actor=STAFF).status == BookingStatus.CONFIRMED
    assert not Payment.objects.exists()


def test_a_failure_while_attaching_undoes_the_booking_too(
    stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, opened = held_and_opened()
    pay(stripe, opened)
    settle_payment(payment_id=opened.payment.pk, now=NOW)

    def fail(**_: object) -> None:
        raise RuntimeError("as if the database had gone")

    monkeypatch.setattr("payments.handlers.record_payment", fail)
    with pytest.raises(RuntimeError):
        book_hold(held)
    assert not Booking.objects.exists()
    assert not TimelineEvent.objects.exists()
    assert payment_now(opened.payment).booking_id is None
    assert claim_now(held.claim).state == ClaimState.PAYING


def test_another_price_changes_what_nobody_asked_for_yet() -> None:
    booking = book()
    _state(_repriced(booking, 5000))
    assert Payment.objects.get().amount_cents == 5000
    _state(_repriced(booking, 8500))
    assert Payment.objects.get().kind == PaymentKind.FULL
    _state(_repriced(booking, 10))
    assert Payment.objects.get().status == PaymentStatus.CANCELLED


def test_the_first_intent_freezes_the_amount(stripe: Stripe) -> None:
    booking = book()
    open_for_booking(booking)
    _state(_repriced(booking, 5000))
    assert Payment.objects.get().amount_cents == 4250


def test_an_expired_booking_gives_back_what_was_paid_towards_it(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    Booking.objects.filter(pk=booking.pk).update(due_now_cents=6000)
    pay(stripe, opened)
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert booking_now(booking).status == BookingStatus.PENDING_PAYMENT
    _state(BookingExpired(booking_id=booking.pk, version=booking.version, actor=SYSTEM))
    assert promised() == [("expired", 4250)]


def test_a_cancel_never_talks_to_stripe_itself(
    stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = book()
    open_for_booking(booking)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network inside a transaction")

    monkeypatch.setattr(gateway, "converse", refuse)
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    assert booking_now(booking).status == BookingStatus.CANCELLED


def test_a_hold_asks_for_nothing_by_itself() -> None:
    hold()
    assert not Payment.objects.exists()

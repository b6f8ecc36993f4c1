"""The receipt: itemised, what the law sets apart, every movement dated, for the customer only."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.test import Client

from bookings.links import manage_url
from bookings.models import Booking
from bookings.tests.browsing import text_of
from bookings.tests.factories import NOW, STAFF, book
from payments.actions.record_offline_payment import record_offline_payment
from payments.actions.refund_payment import refund_payment
from payments.actions.settle_payment import settle_payment
from payments.states import PaymentMethod
from payments.tests.driving import Stripe
from payments.tests.steps import open_for_booking, pay, sweep

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stripe", "notary")]


def _visitor(booking: Booking) -> Client:
    client = Client()
    link = urlsplit(manage_url(booking=booking))
    client.get(f"{link.path}?{link.query}")
    return client


def test_it_lists_price_payments_refunds_and_what_is_left(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened)
    payment = settle_payment(payment_id=opened.payment.pk, now=NOW)
    record_offline_payment(
        booking_id=booking.pk,
        amount_cents=2000,
        method=PaymentMethod.CHEQUE,
        note="",
        actor=STAFF,
        now=NOW,
    )
    refund_payment(payment_id=payment.pk, amount_cents=1000, reason="x", actor=STAFF, now=NOW)
    client = _visitor(booking)
    before = text_of(client.get(f"/manage/{booking.pk}/receipt"))
    assert "Sent back" not in before

    sweep()
    page = client.get(f"/manage/{booking.pk}/receipt")
    said = text_of(page)
    assert page["Cache-Control"] == "no-store"
    assert said.index("Set by Texas law") < said.index("$10.00") < said.index("Our service")
    assert "Total $85.00" in said
    assert "Paid by card Monday 1 March 2027 $42.50" in said
    assert "Paid by check Monday 1 March 2027 $20.00" in said
    assert "Sent back to the card Monday 1 March 2027 −$10.00" in said
    assert "Paid in all $52.50" in said
    assert "Left to pay $32.50" in said
    own = client.get(f"/manage/{booking.pk}")
    assert f'href="/manage/{booking.pk}/receipt"' in own.content.decode()


def test_an_unpaid_booking_has_a_receipt_that_says_so() -> None:
    booking = book()
    said = text_of(_visitor(booking).get(f"/manage/{booking.pk}/receipt"))
    assert "Nothing has been paid yet" in said


def test_a_stranger_gets_none() -> None:
    booking = book()
    assert Client().get(f"/manage/{booking.pk}/receipt").status_code == 404

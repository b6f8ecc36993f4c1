"""The ways in for workers, pages and staff."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from bookings.actions.begin_closing import begin_closing
from bookings.actions.cancel_booking import cancel_booking
from bookings.errors import HoldExpired
from bookings.models import Booking
from bookings.states import BookingStatus, ClaimState
from bookings.tests.factories import CUSTOMER, NOW, book
from hmnp.accounts.tests.desk_door import open_desk
from hmnp.core.errors import ServiceUnavailable
from payments import stripe_gateway as gateway
from payments import tasks
from payments.checkout import prepare_checkout, settle_booking
from payments.models import Payment, Refund
from payments.provider import Intent
from payments.states import PaymentStatus, RefundState
from payments.tests.driving import Stripe
from payments.tests.steps import (
    booking_now,
    claim_now,
    open_for_booking,
    pay,
    payment_now,
    run_out,
    sweep,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stripe", "notary")]


@pytest.fixture
def bells() -> redis.Redis:
    """The broker, with nothing rung yet."""
    broker = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    broker.delete("celery")
    return broker


def _rung(bells: redis.Redis) -> list[tuple[str, list[str]]]:
    """Give this app's tasks that were asked for, with their arguments."""
    found = []
    for raw in reversed(bells.lrange("celery", 0, -1)):
        message = json.loads(raw)
        name = message["headers"]["task"]
        if name.startswith("payments."):
            found.append((name, json.loads(base64.b64decode(message["body"]))[0]))
    return found


def test_a_refund_rings_after_its_commit_and_carries_an_id_only(
    stripe: Stripe, bells: redis.Redis
) -> None:
    booking = book()
    pay(stripe, open_for_booking(booking))
    sweep()
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    refund = Refund.objects.get()
    assert _rung(bells) == [("payments.send_refund", [str(refund.pk)])]


def test_every_task_does_its_row(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened)
    tasks.settle(str(opened.payment.pk))
    assert booking_now(booking).status == BookingStatus.CONFIRMED
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    refund = Refund.objects.get()
    Refund.objects.update(run_at=refund.requested_at.replace(year=2020))
    tasks.send_one_refund(str(refund.pk))
    assert Refund.objects.get().status == RefundState.SUCCEEDED
    tasks.attend(str(opened.payment.pk))
    tasks.sweep()
    assert payment_now(opened.payment).status == PaymentStatus.REFUNDED


def test_a_bell_rung_while_stripe_is_down_leaves_it_to_the_sweeper(stripe: Stripe) -> None:
    opened = open_for_booking(book())
    stripe.fail("error_429", method="GET", path="/v1/payment_intents")
    tasks.settle(str(opened.payment.pk))
    assert payment_now(opened.payment).status == PaymentStatus.REQUIRES_PAYMENT


def test_a_page_gets_what_its_card_field_needs(stripe: Stripe) -> None:
    booking = book()
    checkout = prepare_checkout(booking_id=booking.pk, now=NOW)
    assert checkout.amount_cents == 4250
    assert checkout.publishable_key == settings.STRIPE_PUBLISHABLE_KEY
    assert checkout.js_url == settings.STRIPE_JS_URL
    assert checkout.expires_at == booking.expires_at
    assert checkout.client_secret not in repr(checkout)
    stripe.pay(str(checkout.payment.provider_intent_id), checkout.client_secret)
    [payment] = settle_booking(booking_id=booking.pk, now=NOW)
    assert payment.status == PaymentStatus.SUCCEEDED
    assert settle_booking(booking_id=booking.pk, now=NOW) == []


def test_staff_read_money_and_cannot_change_it(stripe: Stripe) -> None:
    booking = book()
    pay(stripe, open_for_booking(booking))
    sweep()
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    payment, refund = Payment.objects.get(), Refund.objects.get()
    client = Client()
    open_desk(client, User.objects.create_superuser("owner"))
    for path in ("payment", "refund", f"payment/{payment.pk}/change", f"refund/{refund.pk}/change"):
        page = client.get(f"/admin/payments/{path}/")
        assert page.status_code == 200
        assert payment.client_secret_hash not in page.content.decode()
    for path in (
        "payment/add",
        "refund/add",
        f"payment/{payment.pk}/delete",
        f"refund/{refund.pk}/delete",
    ):
        assert client.post(f"/admin/payments/{path}/", {"post": "yes"}).status_code == 403
    assert client.post(f"/admin/payments/payment/{payment.pk}/change/", {}).status_code == 403
    assert Payment.objects.exists()


def test_a_claim_that_closes_while_stripe_is_asked_gets_no_intent(
    stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = book()
    payment = Payment.objects.get()
    real = gateway.create_intent

    def slow(**facts: Any) -> Intent:
        begin_closing(claim=claim_now(payment.claim))
        return real(**facts)

    monkeypatch.setattr(gateway, "create_intent", slow)
    with pytest.raises(HoldExpired):
        open_for_booking(booking)
    assert payment_now(payment).provider_intent_id is not None
    sweep()
    assert [intent["status"] for intent in stripe.intents()] == ["canceled"]
    assert claim_now(payment.claim).state == ClaimState.RELEASED
    assert booking_now(booking).status == BookingStatus.EXPIRED


def test_an_intent_stripe_will_never_open_fails_and_the_next_is_another(stripe: Stripe) -> None:
    booking = book()
    Booking.objects.filter(pk=booking.pk).update(due_now_cents=100_000_000, price_cents=100_000_000)
    with pytest.raises(ServiceUnavailable):
        open_for_booking(booking)
    failed = Payment.objects.get()
    assert failed.status == PaymentStatus.FAILED
    Booking.objects.filter(pk=booking.pk).update(due_now_cents=4250, price_cents=8500)
    opened = open_for_booking(booking)
    assert opened.payment.pk != failed.pk


def test_a_refused_intent_does_not_keep_the_time(stripe: Stripe) -> None:
    booking = book()
    payment = Payment.objects.get()
    Payment.objects.filter(pk=payment.pk).update(
        amount_cents=100_000_000, intent_requested_at=NOW, run_at=NOW
    )
    run_out(payment.claim_id)
    sweep()
    assert payment_now(payment).status == PaymentStatus.FAILED
    assert claim_now(payment.claim).state == ClaimState.RELEASED
    assert booking_now(booking).status == BookingStatus.EXPIRED
    assert stripe.intents() == []

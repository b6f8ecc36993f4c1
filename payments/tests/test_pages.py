"""Step 4: review and pay, against a Stripe that behaves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from bookings.links import manage_url
from bookings.models import Booking, SlotClaim
from bookings.states import BookingStatus
from bookings.tests.browsing import book_through_pages, text_of, weekday_ahead
from payments.actions.sweep_payments import sweep_payments
from payments.models import Payment
from payments.states import PaymentStatus
from payments.tests.driving import Stripe

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stripe", "notary")]


@pytest.fixture
def booking(client: Client) -> Booking:
    """A booking made in this browser, half of it due."""
    return book_through_pages(client, day=weekday_ahead(days=5))


def intent(client: Client, path: str = "/book/pay/intent") -> Any:
    """Ask for what the card field needs, as the page's script does."""
    return client.post(path, headers={"Accept": "application/json"})


def pay(stripe: Stripe, client: Client, card: str, path: str = "/book/pay/intent") -> None:
    """Confirm in the browser, and leave the page on the way back."""
    secret = intent(client, path).json()["clientSecret"]
    stripe.pay(secret.partition("_secret_")[0], secret, card)


def test_it_shows_the_booking_once_more_and_what_is_due(client: Client, booking: Booking) -> None:
    page = client.get("/book/pay/")
    said = text_of(page)

    assert "Step 4 of 4 — Review and pay" in said
    assert "1 Main St, League City, TX 77573" in said
    assert "Pay $42.50 and book" in said
    assert "The other $42.50 is due at the door" in said
    assert "We keep 10:00 am for you until" in said
    assert "14 minutes left" in said
    assert page["Cache-Control"] == "no-store"


def test_only_this_page_may_load_stripe(client: Client, booking: Booking, settings: Any) -> None:
    origin = "/".join(settings.STRIPE_JS_URL.split("/", 3)[:3])

    paying = client.get("/book/pay/")["Content-Security-Policy"]
    other = client.get("/")["Content-Security-Policy"]

    assert f"script-src 'self' {origin}" in paying
    assert f"frame-src {origin}" in paying
    assert "unsafe" not in paying
    assert origin not in other


def test_reading_the_page_asks_stripe_nothing(client: Client, booking: Booking) -> None:
    client.get("/book/pay/")

    assert not Payment.objects.filter(intent_requested_at__isnull=False).exists()


def test_its_script_gets_the_secret_once_for_all(client: Client, booking: Booking) -> None:
    first, second = intent(client).json(), intent(client).json()

    assert first == second
    assert first["clientSecret"].startswith("pi_")
    assert first["publishableKey"].startswith("pk_")
    assert first["amount"] == "$42.50"
    assert Payment.objects.count() == 1
    assert first["clientSecret"] not in client.get("/book/pay/").content.decode()


def test_a_paid_booking_comes_back_confirmed(
    client: Client, booking: Booking, stripe: Stripe
) -> None:
    pay(stripe, client, "pm_card_visa")

    answer = client.get("/book/pay/return?payment_intent=pi_x&redirect_status=succeeded")

    assert answer["Location"] == f"/book/confirmed/{booking.pk}/"
    booking.refresh_from_db()
    assert booking.status == BookingStatus.CONFIRMED
    assert "You are booked" in text_of(client.get(answer["Location"]))
    # Coming back again, or to the form, changes nothing.
    assert client.get("/book/pay/return")["Location"] == f"/book/confirmed/{booking.pk}/"
    assert client.get("/book/pay/")["Location"] == f"/book/confirmed/{booking.pk}/"
    assert Payment.objects.get().amount_captured_cents == 4_250


def test_the_word_of_the_address_counts_for_nothing(client: Client, booking: Booking) -> None:
    intent(client)

    client.get("/book/pay/return?redirect_status=succeeded")

    booking.refresh_from_db()
    assert booking.status == BookingStatus.PENDING_PAYMENT


def test_a_declined_card_keeps_the_time_and_says_why(
    client: Client, booking: Booking, stripe: Stripe
) -> None:
    pay(stripe, client, "pm_card_chargeDeclinedInsufficientFunds")

    page = client.get("/book/pay/return", follow=True)

    assert page.redirect_chain[-1][0] == "/book/pay/?declined=1"
    assert "The card has not enough money on it." in text_of(page)
    assert "try again or use another card" in text_of(page)
    assert "Pay $42.50 and book" in text_of(page)
    pay(stripe, client, "pm_card_visa")
    assert client.get("/book/pay/return")["Location"] == f"/book/confirmed/{booking.pk}/"


def test_when_stripe_cannot_be_reached_it_waits_instead_of_guessing(
    client: Client, booking: Booking, stripe: Stripe
) -> None:
    pay(stripe, client, "pm_card_visa")
    stripe.fail("error_500", path="/v1/payment_intents", method="GET", times=-1)
    try:
        page = client.get("/book/pay/return", follow=True)
    finally:
        stripe.heal()

    assert page.redirect_chain[-1][0] == "/book/pay/?waiting=1"
    assert "Your bank is still working on the payment" in text_of(page)
    booking.refresh_from_db()
    assert booking.status == BookingStatus.PENDING_PAYMENT
    assert client.get("/book/pay/return")["Location"] == f"/book/confirmed/{booking.pk}/"


def test_time_that_ran_out_is_told_and_nothing_is_charged(client: Client, booking: Booking) -> None:
    intent(client)
    past = timezone.now() - timedelta(minutes=1)
    SlotClaim.objects.update(expires_at=past, max_expires_at=past)
    Booking.objects.update(expires_at=past)
    sweep_payments(now=timezone.now())

    page = client.get("/book/pay/")

    assert "The time we kept for you has ended" in text_of(page)
    assert "You have not been charged." in text_of(page)
    assert b"/book/standard-notary/when/?zip=77573" in page.content
    booking.refresh_from_db()
    assert booking.status == BookingStatus.EXPIRED
    assert Payment.objects.get().status == PaymentStatus.CANCELLED
    assert intent(client).json() == {"location": "/book/pay/"}


def test_a_strangers_browser_has_nothing_to_pay(booking: Booking) -> None:
    stranger = Client()

    assert stranger.get("/book/pay/").status_code == 404
    assert intent(stranger).status_code == 404
    assert stranger.get("/book/pay/return").status_code == 404
    assert not Payment.objects.filter(intent_requested_at__isnull=False).exists()


def test_the_intent_needs_the_csrf_token(booking: Booking, client: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies

    assert intent(strict).status_code == 403
    assert not Payment.objects.filter(intent_requested_at__isnull=False).exists()


def test_the_balance_is_paid_from_the_bookings_own_page(
    client: Client, booking: Booking, stripe: Stripe
) -> None:
    pay(stripe, client, "pm_card_visa")
    client.get("/book/pay/return")
    visitor = Client()
    booking.refresh_from_db()
    link = urlsplit(manage_url(booking=booking))
    visitor.get(f"{link.path}?{link.query}")
    own = f"/manage/{booking.pk}"

    page = visitor.get(f"{own}/pay")
    assert "Pay the balance" in text_of(page)
    assert "Pay $42.50" in text_of(page)
    pay(stripe, visitor, "pm_card_visa", f"{own}/pay/intent")
    back = visitor.get(f"{own}/pay/return", follow=True)

    assert back.redirect_chain[-1][0] == f"{own}?done=paid"
    assert "the payment has arrived" in text_of(back)
    booking.refresh_from_db()
    assert booking.balance_due_cents == 0
    assert visitor.get(f"{own}/pay")["Location"] == f"{own}?done=paid"


def test_without_the_link_nobody_pays_a_balance(booking: Booking) -> None:
    stranger = Client()
    own = f"/manage/{booking.pk}"

    assert stranger.get(f"{own}/pay").status_code == 404
    assert stranger.get(f"{own}/pay/return").status_code == 404
    assert intent(stranger, f"{own}/pay/intent").status_code == 404

"""Step 3: who and exactly where; what happens when the time ends."""

from __future__ import annotations

import re
from datetime import timedelta
from secrets import token_hex

import pytest
from django.test import Client
from django.utils import timezone

from bookings.actions.hold_slot import HoldRequest, hold_slot
from bookings.models import Booking, SlotClaim
from bookings.states import BookingStatus, ClaimState
from bookings.tests.browsing import (
    DETAILS,
    cookie,
    details_form,
    look,
    pick,
    start_of,
    text_of,
    values_of,
)
from bookings.tests.factories import HOLDER, NotaryFactory, wanted
from services.models import PromoCode
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db

URL = DETAILS.format(slug="standard-notary")


@pytest.fixture(autouse=True)
def _notary(catalogue: Catalogue) -> None:
    NotaryFactory()
    NotaryFactory(skills=["ron"], hours=(0, 1440))


def end_the_hold() -> None:
    SlotClaim.objects.update(expires_at=timezone.now() - timedelta(seconds=30))


def test_without_a_hold_it_leads_back_to_the_times(client: Client) -> None:
    page = client.get(URL)

    assert page.status_code == 404
    assert "No time is being kept for you" in text_of(page)
    assert b'href="/book/standard-notary/when/"' in page.content


def test_a_forged_cookie_is_no_hold(client: Client) -> None:
    client.cookies["hmnp_hold"] = "local.hold.00000000000000000000000000000000.1.x"

    assert client.get(URL).status_code == 404


def test_it_says_until_when_the_time_is_kept_by_the_servers_clock(client: Client) -> None:
    pick(client)
    page = client.get(URL)

    assert "We keep 10:00 am for you until" in text_of(page)
    assert "4 minutes left" in text_of(page)
    until = re.search(r'data-until="([^"]+)" data-server-now="([^"]+)"', page.content.decode())
    assert until is not None
    left = start_of(until[1]) - start_of(until[2])
    assert timedelta(minutes=4) < left <= timedelta(minutes=5)
    assert page["Cache-Control"] == "no-store"


def test_faults_are_listed_and_everything_typed_is_kept(client: Client) -> None:
    pick(client)
    sent = details_form(client, name="", email="ada@", phone="12", street="5 Elm <b>St</b>")
    del sent["terms"]

    page = client.post(URL, sent)
    source, said = page.content.decode(), text_of(page)

    assert page.status_code == 400
    for fault in (
        "Give your full name.",
        "Give an e-mail address like name@example.com.",
        "Give a phone number like (713) 555-0142.",
        "Please accept the terms to book.",
    ):
        assert said.count(fault) == 2, fault  # in the summary and beside the field
    assert 'autofocus aria-labelledby="error-title"' in source
    assert 'href="#id_email"' in source
    email = re.search(r'<input[^>]*name="email"[^>]*>', source)
    assert email is not None
    assert 'aria-describedby="id_email_helptext id_email_error"' in email[0]
    assert 'aria-invalid="true"' in email[0]
    assert values_of(page, "email") == ["ada@"]
    assert "5 Elm &lt;b&gt;St&lt;/b&gt;" in source
    assert "Gate code 7</textarea>" in source
    assert not Booking.objects.exists()


def test_it_books_the_held_time_and_leads_to_paying(client: Client) -> None:
    pick(client, signers="2", documents="5", zip="77002")
    sent = details_form(client, zip="77002", unit="4B", state="tx", sms="on", locale="es")

    answer = client.post(URL, sent)

    assert (answer.status_code, answer["Location"]) == (302, "/book/pay/")
    booking = Booking.objects.get()
    assert booking.status == BookingStatus.PENDING_PAYMENT
    assert booking.claims.get().state == ClaimState.PAYING
    assert (booking.customer_name, booking.customer_email) == ("Ada Customer", "ada@example.com")
    assert str(booking.customer_phone) == "+17135550123"
    assert (booking.unit, booking.state, booking.zip_code) == ("4B", "TX", "77002")
    assert (booking.signers, booking.documents) == (2, 5)
    assert (booking.price_cents, booking.due_now_cents) == (14_000, 7_000)
    assert booking.special_instructions == "Gate code 7"
    assert booking.locale == "es"
    assert booking.terms_accepted_at is not None
    assert booking.terms_ip == "127.0.0.1"
    assert booking.sms_consent_at is not None
    assert cookie(answer, "hmnp_booking") == {
        "path": "/book/",
        "httponly": True,
        "samesite": "Lax",
    }


def test_without_consent_no_texts(client: Client) -> None:
    pick(client)
    client.post(URL, details_form(client))

    assert Booking.objects.get().sms_consent_at is None


def test_a_form_sent_twice_books_once(client: Client) -> None:
    pick(client)
    sent = details_form(client)
    carried = client.cookies["hmnp_hold"].value
    client.post(URL, sent)

    twin = Client()
    twin.cookies["hmnp_hold"] = carried
    answer = twin.post(URL, sent)

    assert answer["Location"] == "/book/pay/"
    assert Booking.objects.count() == 1


def test_once_booked_the_page_leads_to_paying(client: Client) -> None:
    pick(client)
    client.post(URL, details_form(client))

    assert client.get(URL)["Location"] == "/book/pay/"


def test_a_hold_that_ended_is_booked_all_the_same_when_the_time_is_free(client: Client) -> None:
    pick(client)
    sent = details_form(client)
    end_the_hold()

    assert client.post(URL, sent).status_code == 302
    assert Booking.objects.get().status == BookingStatus.PENDING_PAYMENT


def test_when_the_hold_ended_it_offers_the_next_three_times(client: Client) -> None:
    pick(client)
    end_the_hold()
    page = client.get(URL)

    assert "The time we kept for you has ended" in text_of(page)
    assert len(values_of(page, "start")) == 3


def test_a_time_lost_meanwhile_is_replaced_without_typing_again(client: Client) -> None:
    pick(client)
    sent = details_form(client)
    lost = SlotClaim.objects.get().starts_at
    end_the_hold()
    hold_slot(request=HoldRequest(wanted=wanted(starts_at=lost)), holder=HOLDER, now=timezone.now())

    page = client.post(URL, sent)

    assert page.status_code == 409
    assert "This time has just been taken" in text_of(page)
    assert values_of(page, "name") == ["Ada Customer"]
    alternatives = values_of(page, "start")
    assert len(alternatives) == 3
    assert not Booking.objects.exists()

    again = {**sent, "form_key": values_of(page, "form_key")[0], "start": alternatives[1]}
    assert client.post(URL, again).status_code == 302
    assert Booking.objects.get().starts_at == start_of(alternatives[1])


def test_an_address_elsewhere_is_booked_only_at_the_new_price_seen(client: Client) -> None:
    pick(client)
    sent = details_form(client, zip="77002")

    page = client.post(URL, sent)

    assert page.status_code == 409
    assert "The price is $130.00 now" in text_of(page)
    assert values_of(page, "shown_total") == ["13000"]
    assert not Booking.objects.exists()

    sent |= {"form_key": values_of(page, "form_key")[0], "shown_total": "13000"}
    assert client.post(URL, sent).status_code == 302
    assert Booking.objects.get().price_cents == 13_000


@pytest.mark.parametrize("zip_code", ["78701", "00000"])
def test_an_address_we_cannot_serve_is_said_beside_the_zip(client: Client, zip_code: str) -> None:
    pick(client)
    page = client.post(URL, details_form(client, zip=zip_code))

    assert page.status_code == 422
    assert 'id="id_zip_error"' in page.content.decode()
    assert not Booking.objects.exists()


def test_a_promo_code_used_up_meanwhile_can_be_left_out(client: Client) -> None:
    promo = PromoCode.objects.create(code="ONCE", kind="FIXED", amount_cents=1000, max_uses=1)
    assert pick(client, promo="once").status_code == 302
    sent = details_form(client)
    assert sent["shown_total"] == "7500"
    PromoCode.objects.filter(pk=promo.pk).update(times_used=1)

    page = client.post(URL, sent)

    assert "This promo code has been used up." in text_of(page)
    assert values_of(page, "shown_total") == ["8500"]
    assert not Booking.objects.exists()

    sent |= {
        "form_key": values_of(page, "form_key")[0],
        "shown_total": "8500",
        "promo_dropped": values_of(page, "promo_dropped")[0],
    }
    assert client.post(URL, sent).status_code == 302
    assert Booking.objects.get().price_cents == 8_500


def test_nothing_due_is_confirmed_at_once(client: Client) -> None:
    PromoCode.objects.create(code="FREE", kind="PERCENT", percent=100)
    pick(client, promo="FREE")

    assert client.post(URL, details_form(client)).status_code == 302
    booking = Booking.objects.get()
    assert booking.status == BookingStatus.CONFIRMED
    confirmed = client.get("/book/pay/", follow=True)
    assert confirmed.redirect_chain[-1][0] == f"/book/confirmed/{booking.pk}/"
    assert booking.reference in text_of(confirmed)


def test_going_back_keeps_what_was_typed_in_the_browser_only(client: Client) -> None:
    pick(client)
    sent = details_form(client, name="Ada Half-Typed", go="back")
    answer = client.post(URL, sent)

    assert answer["Location"].startswith("/book/standard-notary/when/?zip=77573&signers=1")
    assert cookie(answer, "hmnp_draft")["httponly"] is True
    assert not Booking.objects.exists()
    pick(client, page=look(client), number=4)
    page = client.get(URL)
    assert values_of(page, "name") == ["Ada Half-Typed"]
    assert "Gate code 7</textarea>" in page.content.decode()
    assert "checked" not in page.content.decode()  # the terms are agreed to each time


def test_what_was_typed_is_forgotten_once_booked(client: Client) -> None:
    pick(client)
    client.post(URL, details_form(client, go="back"))
    answer = client.post(URL, details_form(client))

    assert answer.cookies["hmnp_draft"].value == ""


def test_online_it_asks_for_signers_not_for_an_address(client: Client) -> None:
    url = DETAILS.format(slug="ron")
    pick(client, slug="ron", signers="2", documents="3")
    page = client.get(url)
    assert b'name="street"' not in page.content
    assert b'name="signer_2_email"' in page.content

    half = details_form(client, slug="ron", signer_1_name="Ada")
    refused = client.post(url, half)
    assert "Give the e-mail of signer 1 too." in text_of(refused)

    half |= {"signer_1_email": "ada@example.com"}
    assert client.post(url, half).status_code == 302
    booking = Booking.objects.get()
    assert booking.signer_details == [{"name": "Ada", "email": "ada@example.com"}]
    assert (booking.price_cents, booking.due_now_cents) == (5_800, 5_800)


def test_a_hold_for_another_service_leads_to_its_own_page(client: Client) -> None:
    pick(client)

    assert client.get(DETAILS.format(slug="ron"))["Location"] == URL


def test_the_agreement_names_the_travel_fee(client: Client) -> None:
    pick(client, zip="77002")

    assert "I accept the terms, with the travel fee of $45.00" in text_of(client.get(URL))


def test_what_is_too_long_for_a_cookie_is_not_half_kept(client: Client) -> None:
    pick(client)
    answer = client.post(URL, details_form(client, go="back", instructions=token_hex(4000)))

    assert answer.status_code == 302
    assert "hmnp_draft" not in answer.cookies


def test_a_draft_somebody_changed_is_no_draft(client: Client) -> None:
    pick(client)
    client.post(URL, details_form(client, name="Ada Half-Typed", go="back"))
    client.cookies["hmnp_draft"] = f"{client.cookies['hmnp_draft'].value}x"

    assert values_of(client.get(URL), "name") == []


def test_a_form_key_somebody_made_up_still_books_once(client: Client) -> None:
    pick(client)
    sent = details_form(client, form_key="mine")

    assert client.post(URL, sent)["Location"] == "/book/pay/"
    assert client.post(URL, sent)["Location"] == "/book/pay/"
    assert Booking.objects.count() == 1

"""A booking by phone: the price first, a reason for what is set aside, then the money."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.test import Client

from bookings.models import Booking
from bookings.tests.browsing import text_of, values_of
from bookings.tests.factories import NOW, a_notary
from hmnp.accounts.tests.desk_door import open_desk
from integrations.models import OutboxJob
from payments.models import Payment
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "/admin/bookings/booking/new/"
FORM: dict[str, Any] = {
    "service": "standard-notary",
    "day": "2027-03-02",
    "time": "10:00",
    "notary": "",
    "signers": "1",
    "documents": "1",
    "promo": "",
    "street": "1 Main St",
    "unit": "",
    "city": "League City",
    "state": "tx",
    "zip_code": "77573",
    "name": "Ada Customer",
    "email": "ada@example.com",
    "phone": "(713) 555-0123",
    "locale": "en",
    "terms": "on",
    "instructions": "",
    "agreed_price": "",
    "agreed_travel": "",
    "reason": "",
    "payment": "link",
    "amount": "",
    "unpaid_reason": "",
}


@pytest.fixture(autouse=True)
def _monday_morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def desk(client: Client, catalogue: Catalogue) -> Client:
    """A browser of somebody who may book, and one notary."""
    a_notary(name="Amy")
    open_desk(client, User.objects.create_superuser("dana"))
    return client


def price(desk: Client, **changes: Any) -> Any:
    """Ask what it comes to."""
    key = values_of(desk.get(NEW), "form_key")[0]
    return desk.post(NEW, {**FORM, **changes, "form_key": key, "do": "price"})


def book_it(desk: Client, *, times: int = 1, **changes: Any) -> str:
    """See the price, then book, perhaps sent twice; give what the last page says."""
    page = price(desk, **changes)
    sent = {
        **FORM,
        **changes,
        "do": "book",
        "form_key": values_of(page, "form_key")[0],
        "shown_total": values_of(page, "shown_total")[0],
    }
    for _ in range(times):
        said = text_of(desk.post(NEW, sent, follow=True))
    return said


def test_the_price_is_shown_first_and_a_link_to_pay_it_is_sent(desk: Client) -> None:
    said = text_of(price(desk))
    assert "Total $85.00" in said
    assert "Can do it: Amy" in said
    assert not Booking.objects.exists()
    # Without the price on the page nothing is booked.
    assert "Book for $85.00" in text_of(desk.post(NEW, {**FORM, "do": "book"}))
    assert not Booking.objects.exists()
    said = book_it(desk, times=2)
    assert "is booked: Tuesday 2 March" in said
    assert "is sent a link" in said
    booking = Booking.objects.get()
    assert (booking.status, booking.customer_phone, booking.state) == (
        "CONFIRMED",
        "+17135550123",
        "TX",
    )
    assert OutboxJob.objects.filter(booking=booking, message_kind="pay_link").count() == 1


def test_cash_counts_once_however_often_it_is_sent(desk: Client) -> None:
    assert "$85.00 is recorded" in book_it(desk, times=2, payment="CASH")
    assert (Booking.objects.get().amount_paid_cents, Payment.objects.count()) == (8500, 1)


def test_too_much_cash_leaves_the_booking_and_says_so(desk: Client) -> None:
    assert "still to be seen to" in book_it(desk, payment="CHEQUE", amount="99")
    assert Booking.objects.get().amount_paid_cents == 0


def test_nothing_for_now_needs_a_reason_that_stays(desk: Client) -> None:
    assert "Say why nothing is paid for now" in text_of(price(desk, payment="none"))
    book_it(desk, payment="none", unpaid_reason="a hospice")
    assert Booking.objects.get().deposit_waived_reason == "a hospice"


def test_outside_the_hours_only_with_the_rule_set_aside_and_a_reason(desk: Client) -> None:
    evening: dict[str, Any] = {"time": "18:00"}
    page = text_of(price(desk, **evening))
    assert "This service is not offered at that time. Set it aside below" in page
    assert "This service is not offered" in book_it(desk, **evening)
    asked: dict[str, Any] = {**evening, "waived": ["OUTSIDE_HOURS".lower()]}
    assert "Say why the price or a rule is set aside" in text_of(price(desk, **asked))
    assert not Booking.objects.exists()
    said = book_it(desk, **asked, reason="surgery at noon")
    assert "set aside because surgery at noon" in said
    assert Booking.objects.get().price_cents == 8500 + 3000


def test_a_price_of_our_own_is_lower_and_has_its_reason(desk: Client) -> None:
    assert "can only be lower" in text_of(price(desk, agreed_price="90", reason="x"))
    said = book_it(desk, agreed_price="60", reason="a regular")
    assert "price list $85.00" in said
    assert Booking.objects.get().price_cents == 6000


def test_far_away_is_refused_until_a_fee_for_the_way_is_agreed(desk: Client) -> None:
    far: dict[str, Any] = {"zip_code": "77450", "city": "Katy"}
    said = text_of(price(desk, **far))
    assert "Agree on a fee for the way" in said
    book_it(desk, **far, agreed_travel="120", reason="twelve signings")
    assert Booking.objects.get().price_cents == 8500 + 12000


def test_a_time_that_is_taken_is_refused_and_others_are_named(desk: Client) -> None:
    book_it(desk)
    page = text_of(price(desk))
    assert "No notary can do it then" in page
    assert "Amy: Has another appointment then" in page
    assert "Free instead: Tuesday 2 March" in book_it(desk)
    assert Booking.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"zip_code": ""}, "has to know where to come"),
        ({"phone": "12"}, "valid phone number"),
        ({"day": "2027-03-14", "time": "02:30"}, "The clocks skip this time"),
        ({"day": "2027-02-01"}, "This time is past"),
        ({"promo": "NOPE"}, "promo"),
        ({"terms": ""}, "This field is required"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    desk: Client, changes: dict[str, str], said: str
) -> None:
    assert said in text_of(price(desk, **changes)).replace("Promo", "promo")
    assert not Booking.objects.exists()


def test_online_needs_no_place(desk: Client) -> None:
    a_notary(name="Ron", skills=["ron"], hours=(0, 1440))
    place: dict[str, Any] = {"street": "", "city": "", "zip_code": ""}
    assert "is booked" in book_it(desk, service="ron", **place)


def test_who_may_not_book_is_refused(client: Client, catalogue: Catalogue) -> None:
    user = User.objects.create_user("vic", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_booking"))
    open_desk(client, user)
    assert client.get(NEW).status_code == 403
    assert client.post(NEW, {**FORM, "do": "price"}).status_code == 403

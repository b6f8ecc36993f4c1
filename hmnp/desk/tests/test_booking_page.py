"""A booking's page and its steps: the same actions as the API's, shown first, done once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Barrier, Thread

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client

from bookings.models import Booking
from bookings.tests.browsing import text_of, values_of
from bookings.tests.factories import CUSTOMER, NOW, STAFF, TUESDAY_10, a_notary, book
from hmnp.accounts.tests.desk_door import open_desk
from payments.actions.record_offline_payment import record_offline_payment
from payments.states import PaymentMethod
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db(transaction=True)

MONDAY_10 = TUESDAY_10 - timedelta(days=1)


@pytest.fixture(autouse=True)
def _monday_morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def booking(catalogue: Catalogue) -> Booking:
    """A confirmed appointment tomorrow morning, unpaid."""
    a_notary(name="Amy")
    return book(actor=STAFF)


@pytest.fixture
def owner() -> User:
    return User.objects.create_superuser("dana", "d@example.com", "x", first_name="Dana")


@pytest.fixture
def desk(client: Client, owner: User) -> Client:
    open_desk(client, owner)
    return client


def at(booking: Booking, page: str = "change") -> str:
    """Name one of a booking's pages."""
    return f"/admin/bookings/booking/{booking.pk}/{page}/"


def send(desk: Client, booking: Booking, page: str, **form: object) -> str:
    """Send a step's form; give what the next page says."""
    return text_of(desk.post(at(booking, page), form, follow=True))


def now(booking: Booking) -> Booking:
    """Read it again."""
    return Booking.objects.get(pk=booking.pk)


def test_the_page_holds_everything_and_sets_no_field(
    desk: Client, owner: User, booking: Booking
) -> None:
    actor = STAFF.__class__(type=STAFF.type, id=str(owner.pk))
    record_offline_payment(
        booking_id=booking.pk,
        amount_cents=4000,
        method=PaymentMethod.CASH,
        note="",
        actor=actor,
        now=NOW,
    )
    said = text_of(desk.get(at(booking)))
    for part in (
        *("Confirmed", "Tuesday 2 March 2027", "1 Main St, League City, TX 77573", "10.8 miles"),
        *("Amy", "24 minutes drive", "Ada Customer", "(713) 555-0123", "Total $85.00"),
        *("set by law", "At the door: card, cash or check $45.00", "Cash, balance", "Dana"),
        *("Take cash or a check", "Send a pay link", "Give a part back"),
        *("Booked by", "Confirmed by", "Paid by Dana", "GoHighLevel", "Confirmation (Mail)"),
    ):
        assert part in said, part
    assert desk.post(at(booking), {"status": "CANCELLED"}).status_code == 403
    assert now(booking).status == "CONFIRMED"
    assert b'name="status"' not in desk.get(at(booking)).content


def test_the_day_is_run_by_buttons_that_name_who_pressed_them(
    desk: Client, owner: User, booking: Booking
) -> None:
    assert "Start the appointment" in text_of(desk.get(at(booking)))
    assert "$85.00 is still to be paid" in text_of(desk.get(at(booking, "step/start")))
    assert "The appointment has begun" in send(desk, booking, "step/start")
    again = send(desk, booking, "step/start")
    assert "Nothing was changed; the booking is under way now" in again
    assert "The appointment is done" in send(desk, booking, "step/complete")
    row = booking.timeline.filter(action="started").get()
    assert (row.actor_type, row.actor_id, row.ip_address) == ("admin", str(owner.pk), "127.0.0.1")
    page = text_of(desk.get(at(booking)))
    assert "Begun by Dana" in page
    assert "Start the appointment" not in page
    assert desk.get(at(booking, "step/else")).status_code == 404


def test_two_press_the_same_button_at_once_and_it_counts_once(
    owner: User, booking: Booking
) -> None:
    browsers = [Client(), Client()]
    for browser in browsers:
        open_desk(browser, owner)
    barrier, said = Barrier(2), []

    def press(browser: Client) -> None:
        barrier.wait()
        try:
            said.append(text_of(browser.post(at(booking, "step/start"), follow=True)))
        finally:
            connection.close()

    threads = [Thread(target=press, args=[browser]) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert booking.timeline.filter(action="started").count() == 1
    assert sum("The appointment has begun" in page for page in said) == 1
    assert sum("Nothing was changed" in page for page in said) == 1


def test_nobody_was_there_only_after_the_start_and_says_what_is_kept(
    desk: Client, booking: Booking
) -> None:
    assert "Nobody was there" not in text_of(desk.get(at(booking)))
    assert "has not begun yet" in send(desk, booking, "step/no-show")
    with time_machine.travel(TUESDAY_10 + timedelta(minutes=20), tick=False):
        open_desk(desk, User.objects.get(username="dana"))
        assert "Nobody was there" in text_of(desk.get(at(booking)))
        assert "$0.00 was paid" in text_of(desk.get(at(booking, "step/no-show")))
        assert "Kept as: nobody was there" in send(desk, booking, "step/no-show")
    assert now(booking).status == "NO_SHOW"


def test_cancelling_gives_back_only_what_was_shown(desk: Client, booking: Booking) -> None:
    page = desk.get(at(booking, "cancel"))
    assert "By the customer" in text_of(page)
    sent = {"whose": "theirs", "reason": "ill", "shown_theirs": "1"}
    assert "What goes back has changed" in send(desk, booking, "cancel", **sent)
    assert "This field is required" in send(desk, booking, "cancel", whose="ours")
    assert now(booking).status == "CONFIRMED"
    shown = values_of(page, "shown_theirs")[0]
    assert "is cancelled" in send(desk, booking, "cancel", **{**sent, "shown_theirs": shown})
    assert (now(booking).status, now(booking).cancelled_by) == ("CANCELLED", "admin")
    assert "can no longer be cancelled" in text_of(desk.get(at(booking, "cancel"), follow=True))


def test_a_move_shows_free_times_then_the_price_then_moves(desk: Client, booking: Booking) -> None:
    times = desk.get(at(booking, "move"))
    starts = values_of(times, "start")
    assert "2027-03-02T17:00:00+00:00" in starts
    assert "2027-03-02T16:00:00+00:00" not in starts
    # Saturday: dearer, and not a day of the Standard service.
    assert "Nobody is free" in text_of(desk.get(at(booking, "move"), {"day": "2027-03-06"}))
    start = "2027-03-03T17:30:00+00:00"
    page = desk.get(at(booking, "move"), {"start": start})
    assert "Move to Wednesday 3 March, 11:30 am" in text_of(page)
    assert "The price stays $85.00" in text_of(page)
    assert "Move to" in send(desk, booking, "move", start=start, shown_total="1")
    assert now(booking).starts_at == TUESDAY_10
    total = values_of(page, "shown_total")[0]
    assert "Moved to Wednesday" in send(desk, booking, "move", start=start, shown_total=total)
    assert now(booking).starts_at.isoformat() == start
    assert "start: Tue 2 Mar, 10:00 am → Wed 3 Mar, 11:30 am" in text_of(desk.get(at(booking)))


def test_details_are_changed_once_their_price_was_seen(desk: Client, booking: Booking) -> None:
    page = desk.get(at(booking, "edit"))
    form = {
        name: values_of(page, name)[0]
        for name in (
            *("customer_name", "customer_email", "customer_phone", "street", "unit", "city"),
            *("state", "zip_code", "signers", "documents"),
        )
        if values_of(page, name)
    }
    form |= {"zip_code": "77581", "customer_name": "Ada B. Customer", "unit": ""}
    looked = desk.post(at(booking, "edit"), {**form, "do": "look"})
    said = text_of(looked)
    assert "ZIP code 77573 77581" in said
    assert "$25.00 more than before" in said
    assert now(booking).zip_code == "77573"
    total = values_of(looked, "shown_total")[0]
    assert "is changed" in send(desk, booking, "edit", **form, do="save", shown_total=total)
    changed = now(booking)
    assert (changed.zip_code, changed.price_cents) == ("77581", 11000)
    assert changed.customer_name == "Ada B. Customer"
    # The timeline says that the name is another, never which.
    page_text = text_of(desk.get(at(booking)))
    assert "another name" in page_text
    refused = desk.post(at(booking, "edit"), {**form, "zip_code": "78701", "do": "look"})
    assert refused.status_code == 422
    assert now(booking).zip_code == "77581"


def test_who_signs_online_is_named_whole(desk: Client, catalogue: Catalogue) -> None:
    a_notary(skills=["ron"], hours=(0, 1440))
    booking = book(slug="ron", zip_code=None, actor=STAFF)
    form = {
        "customer_name": "Ada",
        "customer_email": "ada@example.com",
        "signers": "1",
        "customer_phone": "+17135550123",
        "documents": "1",
        "signer_1_name": "Ada",
    }
    assert "Give both the name and the e-mail" in send(desk, booking, "edit", **form)
    form["signer_1_email"] = "ada@example.com"
    looked = desk.post(at(booking, "edit"), {**form, "do": "look"})
    assert "Signers by name – Ada (ada@example.com)" in text_of(looked)
    total = values_of(looked, "shown_total")[0]
    send(desk, booking, "edit", **form, do="save", shown_total=total)
    assert now(booking).signer_details == [{"name": "Ada", "email": "ada@example.com"}]


def test_another_notary_takes_it_and_why_the_others_cannot_is_said(
    desk: Client, booking: Booking
) -> None:
    ben = a_notary(name="Ben", home_zip="77058")
    a_notary(name="Carla", skills=["ron"])
    off = a_notary(name="Dan")
    off.days_off.create(first_day="2027-03-02", last_day="2027-03-02")
    late = a_notary(name="Eve", hours=(720, 1260))
    said = text_of(desk.get(at(booking, "assign")))
    for part in (
        "Give it to Ben",
        "Carla Does not do this service NO_SKILL",
        "Dan Has a day off DAY_OFF",
        "Eve Does not work then OUTSIDE_HOURS",
    ):
        assert part in said, part
    refused = send(desk, booking, "assign", notary=str(late.pk))
    assert "Does not work then" in refused
    assert "Ben has the appointment" in send(desk, booking, "assign", notary=str(ben.pk))
    assert now(booking).notary == ben
    assert "notary: Amy → Ben" in text_of(desk.get(at(booking)))
    assert desk.post(at(booking, "assign"), {"notary": "x"}).status_code == 404


def test_a_notary_sees_and_runs_their_own_day_only(client: Client, booking: Booking) -> None:
    user = User.objects.create_user("amy", is_staff=True)
    mine = booking.notary
    assert mine is not None
    mine.user = user
    mine.save()
    other = a_notary(name="Ben")
    theirs = book(actor=STAFF)
    assert theirs.notary == other
    open_desk(client, user)
    today = text_of(client.get("/admin/"))
    assert booking.customer_name in today
    assert "Ben" not in today
    assert "cases" not in today
    assert client.get(f"/admin/week/?notary={other.pk}").status_code == 404
    page = text_of(client.get(at(booking)))
    assert "Start the appointment" in page
    assert "Cancel" not in page
    assert client.get(at(theirs)).status_code == 404
    assert client.post(at(theirs, "step/start")).status_code == 404
    for refused in ("cancel", "move", "assign", "edit"):
        assert client.get(at(booking, refused)).status_code == 403
    assert "has begun" in text_of(client.post(at(booking, "step/start"), follow=True))


def test_who_only_looks_on_gets_no_buttons(client: Client, booking: Booking) -> None:
    user = User.objects.create_user("vic", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_booking"))
    open_desk(client, user)
    page = text_of(client.get(at(booking)))
    assert "Start the appointment" not in page
    assert "Payments and refunds" not in page
    assert client.post(at(booking, "step/start")).status_code == 403
    assert now(booking).status == "CONFIRMED"


def test_a_booking_that_waits_for_its_payment_says_until_when(
    desk: Client, catalogue: Catalogue
) -> None:
    a_notary()
    said = text_of(desk.get(at(book(actor=CUSTOMER))))
    assert "Waits for payment" in said
    assert "to be paid until" in said
    assert "Waive what is due" in said

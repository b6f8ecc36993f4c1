"""A partner's month at the desk: who may see it, what it shows, and the file."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client

from bookings.actions.complete_booking import complete_booking
from bookings.actions.start_booking import start_booking
from bookings.models import Booking
from bookings.tests.browsing import text_of
from bookings.tests.factories import NOW, STAFF, TUESDAY_10, a_notary, book
from hmnp.accounts.models import Partner, Terms
from hmnp.accounts.tests.desk_door import a_staff_user, open_desk
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db
PAGE = "/admin/payments/statement/"
APRIL = TUESDAY_10 + timedelta(days=35)


@pytest.fixture
def done(catalogue: Catalogue) -> Booking:
    """A completed booking of a partner on statement terms."""
    a_notary()
    partner = Partner.objects.create(name="Gulf Title", terms=Terms.STATEMENT)
    booking = book(partner=partner)
    start_booking(booking_id=booking.pk, actor=STAFF, now=TUESDAY_10)
    return complete_booking(booking_id=booking.pk, actor=STAFF, now=TUESDAY_10)


def desk(user: User, now: datetime = APRIL) -> Client:
    client = Client()
    with time_machine.travel(now, tick=False):
        open_desk(client, user)
    return client


def test_it_offers_the_month_that_is_over_and_shows_it_and_gives_the_file(done: Booking) -> None:
    client = desk(a_staff_user("books", "payments.view_ledgerentry"))
    assert done.partner is not None
    with time_machine.travel(APRIL, tick=False):
        form = client.get(PAGE)
        assert b'value="2027-03"' in form.content
        assert f'value="{done.partner_id}" selected'.encode() in form.content
        asked = {"partner": str(done.partner_id), "month": "2027-03"}
        said = text_of(client.get(PAGE, asked))
        file = client.get(PAGE, {**asked, "as": "csv"})
    assert f"{done.reference}" in said
    assert "Due by 16 Apr 2027" in said
    assert "Notarial act, set by law $10.00" in said
    assert said.count("$85.00") >= 4
    assert file["Content-Type"] == "text/csv; charset=utf-8"
    assert file["Content-Disposition"] == 'attachment; filename="statement-gulf-title-2027-03.csv"'
    assert file["Cache-Control"].find("no-store") >= 0 or "private" in file["Cache-Control"]
    rows = file.content.decode("utf-8-sig").splitlines()
    assert rows[1].startswith(f"{done.reference},2027-03-02,2027-03-02,Standard Mobile Notary,")
    assert rows[-1] == "Total, due 2027-04-16,,,,,,,,85.00,0.00,85.00".replace(
        "Total, due 2027-04-16", '"Total, due 2027-04-16"'
    )


def test_it_says_so_far_while_the_month_lasts_and_what_is_wrong(done: Booking) -> None:
    client = desk(a_staff_user("books", "payments.view_ledgerentry"), NOW)
    with time_machine.travel(NOW, tick=False):
        said = text_of(client.get(PAGE, {"partner": str(done.partner_id), "month": "2027-03"}))
        assert "March 2027, so far" in said
        wrong = text_of(client.get(PAGE, {"partner": "0", "month": "2027-3", "as": "csv"}))
    assert "is no month" in wrong
    assert "Select a valid choice" in wrong


def test_it_is_for_those_who_may_see_the_books(done: Booking) -> None:
    with time_machine.travel(APRIL, tick=False):
        assert Client().get(PAGE).status_code == 302
        dispatcher = desk(
            a_staff_user("dispatch", "bookings.view_booking", "payments.view_payment")
        )
        assert dispatcher.get(PAGE).status_code == 403
        assert (
            desk(a_staff_user("books", "payments.view_ledgerentry")).post(PAGE).status_code == 405
        )

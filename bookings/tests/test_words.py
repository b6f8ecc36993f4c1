"""What a booking is called, where its links lead, and what is said about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import icalendar
import pytest
from django.conf import settings

from bookings import ics, wording
from bookings.links import manage_path, manage_url
from bookings.models import Booking
from bookings.references import new_reference
from bookings.tests.factories import NOW, STAFF, TUESDAY_10, a_notary, book, customer
from bookings.tests.test_update_booking import paid
from hmnp.accounts.models import Partner
from hmnp.core import tokens
from services.tests.fixtures import Catalogue


@pytest.fixture(autouse=True)
def _notary(catalogue: Catalogue) -> None:
    a_notary(skills=["standard-notary", "ron"])


def test_a_reference_is_short_and_told_over_the_phone() -> None:
    drawn = {new_reference() for _ in range(500)}
    assert len(drawn) == 500
    for reference in drawn:
        assert reference.startswith("HM-")
        assert len(reference) == 9
        assert not set(reference[3:]) & set("AEIOU01L")


class TestLinks:
    """The signed address of the manage page."""

    def test_its_token_opens_that_booking_for_that_purpose_only(self) -> None:
        booking = book()
        parts = urlsplit(manage_url(booking=booking, leads_to="cancel"))
        assert parts.path == manage_path(booking=booking) == f"/manage/{booking.pk}"
        assert f"{parts.scheme}://{parts.netloc}" == settings.PUBLIC_BASE_URL
        query = parse_qs(parts.query)
        assert query["next"] == ["cancel"]
        (text,) = query["token"]
        token = tokens.read(text, purpose=tokens.MANAGE)
        assert token is not None
        assert token.subject_id == booking.pk
        assert tokens.read(text, purpose=tokens.ACCESS) is None

    def test_raising_the_generation_ends_it(self) -> None:
        booking = book()
        before = manage_url(booking=booking)
        booking.access_generation += 1
        assert manage_url(booking=booking) != before


class TestCalendarFile:
    """What a calendar reads."""

    def event(self, booking: Booking) -> Any:
        calendar = icalendar.Calendar.from_ical(ics.calendar_file(booking=booking, now=NOW))
        (event,) = calendar.walk("VEVENT")
        return calendar, event

    def test_an_appointment_with_its_place_and_zone(self) -> None:
        booking = paid(who=customer(unit="4"))
        calendar, event = self.event(booking)
        assert calendar["METHOD"] == "PUBLISH"
        assert event["UID"] == f"{booking.pk}@booking.hmnp"
        assert event["SEQUENCE"] == booking.version
        assert event["DTSTART"].dt == TUESDAY_10
        assert event["DTSTART"].params["TZID"] == "America/Chicago"
        assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(hours=1)
        assert event["LOCATION"] == "1 Main St, 4, League City, TX 77573"
        assert event["STATUS"] == "CONFIRMED"
        assert len(calendar.walk("VTIMEZONE")) == 1

    def test_until_it_is_paid_it_is_tentative(self) -> None:
        assert self.event(book())[1]["STATUS"] == "TENTATIVE"

    @pytest.mark.parametrize("status", ["CANCELLED", "EXPIRED", "NO_SHOW"])
    def test_what_does_not_take_place_is_taken_out(self, status: str) -> None:
        booking = paid()
        Booking.objects.update(status=status)
        booking.refresh_from_db()
        calendar, event = self.event(booking)
        assert (calendar["METHOD"], event["STATUS"]) == ("CANCEL", "CANCELLED")

    def test_remote_work_takes_place_online(self) -> None:
        assert self.event(book(slug="ron", zip_code=None))[1]["LOCATION"] == wording.ONLINE


class TestWording:
    """The same words on pages and in mails."""

    def test_when_and_where(self) -> None:
        booking = book(who=customer(unit="4"))
        assert wording.when(booking) == "Tuesday 2 March 2027, 10:00 am to 11:00 am Central"
        assert wording.place(booking) == "1 Main St, 4, League City, TX 77573"
        remote = book(slug="ron", zip_code=None, starts_at=TUESDAY_10 + timedelta(hours=4))
        assert wording.place(remote) == wording.ONLINE

    def test_what_is_still_to_be_paid(self) -> None:
        booking = paid()
        assert wording.balance_sentence(booking) == (
            "$42.50 is due at the door: card, cash or check."
        )
        booking.amount_paid_cents = 8500
        assert wording.balance_sentence(booking) == "Nothing more is to be paid."
        booking.partner = Partner(pk=1)
        booking.amount_paid_cents = 0
        assert wording.balance_sentence(booking) == "$85.00 goes on the monthly statement."
        remote = book(
            slug="ron", zip_code=None, actor=STAFF, starts_at=TUESDAY_10 + timedelta(hours=4)
        )
        assert wording.balance_sentence(remote) == (
            "$35.00 is to be paid before the session starts."
        )

    @pytest.mark.parametrize(
        ("signers", "said"), [(1, "The signer"), (2, "Both signers"), (3, "All 3 signers")]
    )
    def test_who_must_be_there(self, signers: int, said: str) -> None:
        booking = book(signers=signers)
        assert wording.what_to_have_ready(booking)[0].startswith(said)
        assert len(wording.next_steps(booking)) == 3

    def test_remote_work_needs_a_camera_and_pdfs(self) -> None:
        ready = wording.what_to_have_ready(book(slug="ron", zip_code=None))
        assert any("camera" in line for line in ready)
        assert any("PDF" in line for line in ready)

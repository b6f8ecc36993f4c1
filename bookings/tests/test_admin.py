"""The calendar and the bookings in the admin: seen by staff, moved by actions only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from bookings.models import Blackout, Booking, BusyBlock
from bookings.tests.factories import STAFF, TUESDAY_10, a_notary, book
from hmnp.accounts.tests.desk_door import open_desk
from services.tests.fixtures import Catalogue

MODELS = ("notary", "blackout", "busyblock", "slotclaim", "booking")


@pytest.fixture
def desk(catalogue: Catalogue) -> Client:
    client = Client()
    open_desk(client, User.objects.create_superuser("desk"))
    return client


@pytest.fixture
def booking(desk: Client) -> Booking:
    notary = a_notary()
    Blackout.objects.create(first_day="2027-07-04", last_day="2027-07-04", reason="Holiday")
    period = (TUESDAY_10 + timedelta(days=9), TUESDAY_10 + timedelta(days=9, hours=1))
    BusyBlock.objects.create(notary=notary, period=period, source="google", external_id="1")
    return book(actor=STAFF)


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(TUESDAY_10 + timedelta(minutes=5), tick=False):
        yield


@pytest.mark.parametrize("model", MODELS)
def test_every_list_can_be_looked_at(desk: Client, booking: Booking, model: str) -> None:
    answer = desk.get(reverse(f"admin:bookings_{model}_changelist"))
    assert answer.status_code == 200
    assert "1 " in answer.content.decode()


def test_a_booking_is_read_with_its_timeline_and_changed_by_no_field(
    desk: Client, booking: Booking
) -> None:
    path = reverse("admin:bookings_booking_change", args=[booking.pk])
    page = desk.get(path)
    assert page.status_code == 200
    assert "Booked" in page.content.decode()
    assert desk.post(path, {"status": "CANCELLED"}).status_code == 403
    assert desk.get(reverse("admin:bookings_booking_add")).status_code == 403
    gone = reverse("admin:bookings_booking_delete", args=[booking.pk])
    assert desk.post(gone, {"post": "yes"}).status_code == 403
    booking.refresh_from_db()
    assert booking.status == "CONFIRMED"


def test_strangers_are_sent_to_the_door(booking: Booking) -> None:
    answer = Client().get(reverse("admin:bookings_booking_changelist"))
    assert answer.status_code == 302
    assert "/login/" in answer["Location"]

"""A session whose identity check failed becomes an appointment in person; the money stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from bookings.actions.meet_in_person import Meeting, meet_in_person, price_in_person
from bookings.errors import InvalidStatusTransition, PriceChanged, SlotTaken
from bookings.events import BookingRescheduled, RefundOwed
from bookings.invariants import INVARIANTS
from bookings.links import manage_url
from bookings.models import Booking, SlotClaim
from bookings.sessions import SessionStatus
from bookings.tests.browsing import ADDRESS, text_of, values_of, weekday_ahead
from bookings.tests.factories import CUSTOMER, MOBILE_SKILLS, a_notary, hold
from bookings.tests.hearing import heard
from bookings.tests.remote import remote_booking, start_of_work
from hmnp.core.cases import CaseKind, CaseSettled
from hmnp.core.invariants import find_breaches
from services.catalogue import require_service
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db


@pytest.fixture
def booking(catalogue: Catalogue) -> Booking:
    """A paid session whose signer failed the questions."""
    a_notary(skills=["ron", *MOBILE_SKILLS])
    booking = remote_booking()
    Booking.objects.filter(pk=booking.pk).update(ron_status=SessionStatus.IDENTITY_FAILED.value)
    return Booking.objects.select_related("service").get(pk=booking.pk)


def meeting(**changes: Any) -> Meeting:
    wish = Meeting(
        service=require_service(id_or_slug="extended-hours"),
        starts_at=start_of_work(hour=13),
        street="1 Main St",
        unit="",
        city="League City",
        state="TX",
        zip_code="77573",
    )
    return replace(wish, **changes)


def price(booking: Booking, wish: Meeting) -> int:
    _, pricing = price_in_person(
        booking=booking,
        service=wish.service,
        starts_at=wish.starts_at,
        zip_code=wish.zip_code,
        now=timezone.now(),
    )
    return pricing.final_price_cents


def meet(booking: Booking, wish: Meeting, **changes: Any) -> Booking:
    values = {"expected_cents": price(booking, wish), **changes}
    return meet_in_person(
        booking_id=booking.pk, meeting=wish, actor=CUSTOMER, now=timezone.now(), **values
    )


def test_what_was_paid_counts_and_the_rest_is_due_at_the_door(booking: Booking) -> None:
    paid = booking.amount_paid_cents
    wish = meeting()
    with heard(BookingRescheduled, RefundOwed, CaseSettled) as facts:
        turned = meet(booking, wish)
    turned = Booking.objects.select_related("service").get(pk=turned.pk)
    assert (turned.service.slug, turned.status) == ("extended-hours", "CONFIRMED")
    assert (turned.starts_at, turned.street, turned.zip_code) == (
        wish.starts_at,
        "1 Main St",
        "77573",
    )
    assert turned.ends_at - turned.starts_at == timedelta(minutes=60)
    assert (turned.amount_paid_cents, turned.balance_due_cents) == (
        paid,
        turned.price_cents - paid,
    )
    claim = SlotClaim.objects.get(booking=booking, state="BOOKED")
    assert (claim.service_id, claim.starts_at, claim.customer_zip) == (
        turned.service_id,
        turned.starts_at,
        "77573",
    )
    assert (turned.ron_status, turned.ron_join_url) == ("closed", "")
    assert find_breaches(cursor=connection.cursor(), invariants=INVARIANTS) == []
    assert [type(fact) for fact in facts] == [BookingRescheduled, CaseSettled]
    assert facts[1] == CaseSettled(
        kind=CaseKind.KBA_FAILED,
        key=str(booking.pk),
        how="The customer chose an appointment in person.",
    )


def test_what_was_paid_above_the_new_price_goes_back(booking: Booking) -> None:
    Booking.objects.filter(pk=booking.pk).update(amount_paid_cents=20_000, price_cents=20_000)
    with heard(RefundOwed) as facts:
        turned = meet(booking, meeting())
    assert turned.balance_due_cents == 0
    assert [fact.amount_cents for fact in facts if isinstance(fact, RefundOwed)] == [
        20_000 - turned.price_cents
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"ron_status": "ready"},
        {"ron_status": "completed"},
        {"status": "CANCELLED"},
        {"status": "IN_PROGRESS"},
    ],
)
def test_it_is_for_those_only_whose_check_failed(booking: Booking, changes: dict[str, str]) -> None:
    Booking.objects.filter(pk=booking.pk).update(**changes)
    with pytest.raises(InvalidStatusTransition):
        meet(booking, meeting())
    assert Booking.objects.get(pk=booking.pk).service.slug == "ron"


def test_it_is_done_once(booking: Booking) -> None:
    meet(booking, meeting())
    with pytest.raises(InvalidStatusTransition):
        meet(booking, meeting())


def test_a_price_not_shown_or_a_taken_time_changes_nothing(booking: Booking) -> None:
    wish = meeting()
    before = Booking.objects.values().get(pk=booking.pk)
    hold(now=timezone.now(), slug="extended-hours", starts_at=wish.starts_at)
    with heard(BookingRescheduled, CaseSettled) as facts:
        with pytest.raises(PriceChanged):
            meet(booking, wish, expected_cents=1)
        with pytest.raises(SlotTaken):
            meet(booking, wish)
    assert facts == []
    assert Booking.objects.values().get(pk=booking.pk) == before


def test_the_customer_books_it_from_their_own_page(client: Client, booking: Booking) -> None:
    parts = urlsplit(manage_url(booking=booking))
    client.get(f"{parts.path}?{parts.query}")
    own, path = f"/manage/{booking.pk}", f"/manage/{booking.pk}/in-person"
    assert "Meet a notary in person" in text_of(client.get(own))
    assert client.get(path).status_code == 200
    wrong = client.get(path, {"zip": "78701", "service": "standard-notary"})
    assert (wrong.status_code, "beyond the area we drive to" in text_of(wrong)) == (400, True)
    facts = {"zip": "77573", "service": "standard-notary"}
    times = client.get(path, {**facts, "day": weekday_ahead()})
    start = values_of(times, "start")[1]
    offer = client.get(path, {**facts, "start": start})
    assert "you pay the rest at the door" in text_of(offer)
    wish = {**facts, "start": start, "shown_total": values_of(offer, "shown_total")[0]}
    half = client.post(path, wish)
    assert (half.status_code, "Give the street and number." in text_of(half)) == (400, True)
    done = client.post(path, {**wish, **ADDRESS}, follow=True)
    assert "You are booked in person" in text_of(done)
    booking.refresh_from_db()
    assert (booking.service.slug, booking.street) == ("standard-notary", "1 Main St")
    assert client.get(path).status_code == 302


def test_a_session_that_works_leads_nowhere_else(client: Client, booking: Booking) -> None:
    Booking.objects.filter(pk=booking.pk).update(ron_status="ready")
    parts = urlsplit(manage_url(booking=booking))
    client.get(f"{parts.path}?{parts.query}")
    assert "in person" not in text_of(client.get(f"/manage/{booking.pk}"))
    assert client.get(f"/manage/{booking.pk}/in-person").status_code == 302

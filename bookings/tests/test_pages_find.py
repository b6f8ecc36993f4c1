"""Finding a booking again tells nobody who has booked."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from bookings.actions import request_manage_link as action
from bookings.events import ManageLinkRequested
from bookings.models import Booking
from bookings.tests.browsing import book_through_pages, text_of, values_of
from bookings.tests.factories import NotaryFactory
from hmnp.core.events import emit
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db


@pytest.fixture
def stated(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect the facts that are stated, and let them be known as well."""
    facts: list[Any] = []

    def listen(event: Any) -> None:
        facts.append(event)
        emit(event)

    monkeypatch.setattr(action, "emit", listen)
    return facts


@pytest.fixture
def booking(catalogue: Catalogue) -> Booking:
    """A booking of somebody else's browser."""
    NotaryFactory()
    return book_through_pages(Client())


def ask(client: Client, reference: str, contact: str) -> Any:
    return client.post("/find/", {"reference": reference, "contact": contact}, follow=True)


@pytest.mark.parametrize(
    "contact", ["ada@example.com", " ADA@Example.com ", "(713) 555-0123", "1-713-555-0123"]
)
def test_a_fitting_contact_gets_a_link_by_mail(
    client: Client, booking: Booking, stated: list[Any], contact: str
) -> None:
    answer = ask(client, booking.reference.lower().replace("-", " "), contact)

    assert "Look into your mail" in text_of(answer)
    (fact,) = stated
    assert isinstance(fact, ManageLinkRequested)
    assert fact.booking_id == booking.pk
    assert str(booking.pk) not in answer.content.decode()


@pytest.mark.parametrize(
    ("reference", "contact"),
    [
        (None, "eve@example.com"),
        (None, "555-0123"),
        (None, "@"),
        ("HM-ZZZZZZ", "ada@example.com"),
        ("%", "ada@example.com"),
    ],
)
def test_the_answer_is_the_same_when_nothing_fits(
    client: Client, booking: Booking, stated: list[Any], reference: str | None, contact: str
) -> None:
    fits = ask(client, booking.reference, "ada@example.com")
    stated.clear()

    answer = ask(client, reference or booking.reference, contact)

    assert stated == []
    assert answer.redirect_chain == fits.redirect_chain
    assert answer.content == fits.content


def test_looking_at_the_form_states_nothing(client: Client, stated: list[Any]) -> None:
    assert client.get("/find/").status_code == 200
    assert stated == []


def test_empty_fields_are_named_and_the_other_kept(client: Client) -> None:
    answer = client.post("/find/", {"reference": "HM-7K3WQ9", "contact": ""})

    assert answer.status_code == 400
    assert "Give the e-mail address or the phone number." in text_of(answer)
    assert values_of(answer, "reference") == ["HM-7K3WQ9"]

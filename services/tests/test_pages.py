"""What is sold, as everybody sees it."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client

from services.models import Service
from services.tests.fixtures import Catalogue

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]

# The test client answers with more than an HttpResponse.
Page = Any

PUBLIC = [
    "/",
    "/services/standard-notary/",
    "/services/ron/",
    "/fees/",
    "/terms/",
    "/privacy/",
    "/find/",
    "/find/sent/",
    "/book/standard-notary/when/",
    "/nothing/here/",
]
NOTICE = (
    "I AM NOT AN ATTORNEY LICENSED TO PRACTICE LAW IN TEXAS AND MAY NOT GIVE LEGAL ADVICE OR "
    "ACCEPT FEES FOR LEGAL ADVICE."
)


def text_of(response: Page) -> str:
    """Give a page as a reader sees it."""
    words = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", html.unescape(words))


def test_home_shows_every_service_with_an_honest_price(client: Client) -> None:
    said = text_of(client.get("/"))

    for name, price in (
        ("Standard Mobile Notary", "$85"),
        ("Extended Hours Mobile Notary", "$125"),
        ("Loan Signing Specialist", "$175"),
        ("Remote Online Notarization", "$35"),
    ):
        assert re.search(rf"{name} .*? from {re.escape(price)} ", said), name
    assert "Monday to Friday, 9 am to 5 pm" in said
    assert "Every day, 7 am to 9 pm" in said
    assert "Day and night, every day" in said


def test_a_card_says_what_staff_write(client: Client, catalogue: Catalogue) -> None:
    Service.objects.filter(pk=catalogue.ron.id).update(name="Firma en línea", base_price_cents=3450)
    said = text_of(client.get("/"))

    assert "Firma en línea" in said
    assert "from $34.50" in said


def test_a_service_not_on_offer_is_nowhere(client: Client, catalogue: Catalogue) -> None:
    Service.objects.filter(pk=catalogue.ron.id).update(is_active=False)

    assert "Remote Online" not in text_of(client.get("/"))
    assert client.get("/services/ron/").status_code == 404
    assert client.get("/book/ron/when/").status_code == 404


def test_a_service_tells_its_price_lines_extras_bands_and_tiers(client: Client) -> None:
    said = text_of(client.get("/services/standard-notary/"))

    for fact in (
        "Notarial act, set by law $10.00",
        "Standard Mobile Notary: service fee $75.00",
        "Each document above 4 +$10",
        "Booked 4 hours ahead or less +$50",
        "Up to 20 miles included",
        "Over 20 to 30 miles $25",
        "Over 50 miles not served",
        "24 hours or more before the start: you get everything back",
        "24 to 2 hours before the start: we keep $15",
        "Not there at the appointment: we keep $50 and the travel fee",
        "Moving is free up to 24 hours before the start, later it costs $25",
        "Half now by card, the rest at the door",
        "Book at least 2 hours and at most 90 days ahead.",
    ):
        assert fact in said, fact


def test_free_miles_are_those_of_the_service(client: Client) -> None:
    said = text_of(client.get("/services/loan-signing/"))

    assert "Up to 30 miles included" in said
    assert "Over 30 to 40 miles $45" in said
    assert "Over 20" not in said


def test_online_has_no_travel_and_is_paid_in_full(client: Client) -> None:
    said = text_of(client.get("/services/ron/"))

    assert "Travel, by distance" not in said
    assert "Paid in full by card when you book" in said
    assert "up to $25 for doing it online" in said


def test_the_fee_schedule_sets_the_laws_fees_apart(client: Client) -> None:
    said = text_of(client.get("/fees/"))

    assert "A notarial act, first signature $10" in said
    assert "Each further signature on the same act $1" in said
    assert "Doing it online, in addition to the act $25" in said
    assert "in force since 1 September 2023" in said
    ours = said.partition("These are not notarial fees.")[2]
    assert "Travel: over 30 to 40 miles $45" in ours
    assert "notarial act" not in ours.lower()


@pytest.mark.parametrize("path", PUBLIC)
def test_every_page_keeps_the_rules_of_the_house(client: Client, path: str) -> None:
    response = client.get(path)
    source = response.content.decode()

    assert NOTICE in source
    assert "NO SOY ABOGADO" in source
    assert "notario" not in source.lower().replace("notarization", "")
    assert '<html lang="en">' in source
    assert 'href="#main">Skip to the content</a>' in source
    assert len(re.findall(r"<h1[ >]", source)) == 1
    # The policy forbids what is inline or from elsewhere; so does this, at the source.
    assert " style=" not in source
    assert "<style" not in source
    assert re.search(r"<script(?![^>]* src=)", source) is None
    assert re.search(r" on[a-z]+=", source) is None
    assert re.findall(r'(?:src|href)="(?:https?:)?//', source) == []
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in f"{policy};"
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", PUBLIC[:-3])
def test_pages_are_only_read(client: Client, path: str) -> None:
    if path.startswith("/find/") and "sent" not in path:
        return
    assert client.post(path).status_code == 405


def test_what_is_not_there_has_a_page_too(client: Client) -> None:
    response = client.get("/services/nothing/")

    assert response.status_code == 404
    assert "There is no page at this address" in text_of(response)


def test_the_pages_are_light(client: Client) -> None:
    assert len(client.get("/").content) < 20_000

"""Documents and signers of a remote session, sent from the booking's own page."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from bookings.links import manage_url
from bookings.models import Booking
from bookings.tests.browsing import text_of, values_of
from bookings.tests.factories import a_notary
from bookings.tests.remote import PDF, remote_booking
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db


@pytest.fixture
def booking(catalogue: Catalogue, settings: Settings, tmp_path: Path) -> Booking:
    settings.MEDIA_ROOT = str(tmp_path)
    a_notary(skills=["ron", "standard-notary"])
    return remote_booking()


@pytest.fixture
def own(client: Client, booking: Booking) -> Client:
    """The customer's browser, entered by the mailed link."""
    parts = urlsplit(manage_url(booking=booking))
    client.get(f"{parts.path}?{parts.query}")
    return client


def path(booking: Booking) -> str:
    return f"/manage/{booking.pk}/session"


def send(client: Client, booking: Booking, *files: tuple[str, bytes]) -> Any:
    sent = [SimpleUploadedFile(name, content) for name, content in files]
    return client.post(path(booking), {"do": "upload", "file": sent}, follow=True)


def test_the_page_says_what_is_missing_until_everything_is_there(
    own: Client, booking: Booking
) -> None:
    before = text_of(own.get(f"/manage/{booking.pk}"))
    assert "We still need for your session" in before
    assert "Name and e-mail of everyone who signs (0 of 2 so far)" in before
    first = own.get(path(booking))
    assert values_of(first, "signer_1_email") == [booking.customer_email]
    page = send(own, booking, ("deed.pdf", PDF), ("will.pdf", PDF + b"\n%%EOF"))
    assert "Your documents have arrived" in text_of(page)
    assert {"deed.pdf", "will.pdf"} == set(booking.files.values_list("filename", flat=True))
    people = {
        "do": "signers",
        "signer_1_name": "Ada Customer",
        "signer_1_email": "ada@example.com",
        "signer_2_name": "Ben Signer",
        "signer_2_email": "ben@example.com",
    }
    page = own.post(path(booking), people, follow=True)
    assert "Everything is here" in text_of(page)
    assert "We still need" not in text_of(own.get(f"/manage/{booking.pk}"))
    booking.refresh_from_db()
    assert [one["email"] for one in booking.signer_details] == [
        "ada@example.com",
        "ben@example.com",
    ]


def test_a_bad_file_is_named_and_the_good_one_stays(own: Client, booking: Booking) -> None:
    page = send(own, booking, ("deed.pdf", PDF), ("photo.pdf", b"JFIF"))
    assert page.status_code == 400
    assert "photo.pdf: This is not a PDF document." in text_of(page)
    assert list(booking.files.values_list("filename", flat=True)) == ["deed.pdf"]
    nothing = own.post(path(booking), {"do": "upload"})
    assert (nothing.status_code, "Choose a PDF file first" in text_of(nothing)) == (400, True)


def test_the_same_file_sent_twice_is_there_once(own: Client, booking: Booking) -> None:
    for _ in range(2):
        send(own, booking, ("deed.pdf", PDF))
    assert booking.files.count() == 1


def test_a_document_is_removed_once_however_often_it_is_sent(own: Client, booking: Booking) -> None:
    send(own, booking, ("deed.pdf", PDF))
    wish = {"do": "remove", "document": str(booking.files.get().pk)}
    for _ in range(2):
        assert "has been removed" in text_of(own.post(path(booking), wish, follow=True))
    assert booking.files.get().status == "DELETED"


def test_a_signer_is_whole_and_has_an_address_of_their_own(own: Client, booking: Booking) -> None:
    people = {"do": "signers", "signer_1_name": "Ada", "signer_1_email": "a@example.com"}
    twice = own.post(path(booking), {**people, "signer_2_name": "Ben",
                                     "signer_2_email": "A@example.com"})  # fmt: skip
    assert "Signer 1 has this address already" in text_of(twice)
    half = own.post(path(booking), {**people, "signer_2_name": "Ben"})
    assert "Give the e-mail of signer 2 too." in text_of(half)
    booking.refresh_from_db()
    assert booking.signer_details == []
    own.post(path(booking), people)
    booking.refresh_from_db()
    assert booking.signer_details == [{"name": "Ada", "email": "a@example.com"}]


@pytest.mark.parametrize("status", ["IN_PROGRESS", "CANCELLED"])
def test_what_has_begun_or_ended_takes_nothing(own: Client, booking: Booking, status: str) -> None:
    Booking.objects.filter(pk=booking.pk).update(status=status)
    assert send(own, booking, ("deed.pdf", PDF)).redirect_chain == [(f"/manage/{booking.pk}", 302)]
    assert booking.files.count() == 0


@pytest.mark.parametrize(
    ("name", "page"), [("session", "session"), ("in_person", "in-person"), ("nonsense", "")]
)
def test_a_mail_may_lead_straight_to_its_page(
    client: Client, booking: Booking, name: str, page: str
) -> None:
    parts = urlsplit(manage_url(booking=booking, leads_to=name))
    answer = client.get(f"{parts.path}?{parts.query}")
    assert answer["Location"] == f"/manage/{booking.pk}{f'/{page}' if page else ''}"


def test_a_stranger_finds_nothing(booking: Booking) -> None:
    stranger = Client()
    assert stranger.get(path(booking)).status_code == 404
    assert send(stranger, booking, ("deed.pdf", PDF)).status_code == 404
    assert booking.files.count() == 0

"""The words of each mail: true, complete, readable as plain text, without tracking."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from icalendar import Calendar
from pytest_django.fixtures import Settings

from bookings.models import Booking
from hmnp.core import tokens
from integrations.mail.client import OutgoingMail
from integrations.mail.mapping import compose
from integrations.models import OutboxJob
from integrations.states import FOR_NOTARIES, MessageKind
from integrations.tests.cast import CUSTOMER, STREET, make_booking
from payments.models import LateChoice, Payment, Refund
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db

# 1 December 2026 is a Tuesday; 15:30 UTC is 9:30 in the business zone.
START = datetime(2026, 12, 1, 15, 30, tzinfo=UTC)


def job(kind: MessageKind, booking: Booking, **fields: Any) -> OutboxJob:
    values = {"recipient": booking.customer_email, "message_kind": kind.value, **fields}
    return OutboxJob(id=uuid4(), kind="MESSAGE", booking=booking, version=1, **values)


def mail(kind: MessageKind, booking: Booking, **fields: Any) -> OutgoingMail:
    loaded = Booking.objects.select_related("service", "notary").get(pk=booking.pk)
    return compose(kind=kind, booking=loaded, job=job(kind, loaded, **fields), now=timezone.now())


def make_refund(booking: Booking, cents: int) -> Refund:
    now = timezone.now()
    payment = Payment.objects.create(
        booking=booking,
        kind="DEPOSIT",
        status="SUCCEEDED",
        amount_cents=9000,
        amount_captured_cents=9000,
        idempotency_key=f"pi-{uuid4()}",
        created_at=now,
        updated_at=now,
    )
    return Refund.objects.create(
        payment=payment,
        amount_cents=cents,
        reason_key="cancelled",
        status="SUCCEEDED",
        idempotency_key=f"rf-{uuid4()}",
        run_at=now,
        requested_at=now,
        updated_at=now,
    )


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def parse(html: str) -> _Page:
    page = _Page()
    page.feed(html)
    return page


def test_a_confirmation_says_what_when_where_price_and_what_to_bring(
    catalogue: Catalogue,
) -> None:
    booking = make_booking(catalogue.standard, starts_at=START)
    sent = mail(MessageKind.CONFIRMATION, booking)
    assert sent.to == CUSTOMER
    assert sent.subject == f"You are booked: Tuesday 1 December, 9:30 am ({booking.reference})"
    # 6 documents, 2 signers: 44 statutory of the 85, 20 for two more documents.
    for said in (
        booking.reference,
        "Tuesday 1 December 2026, 9:30 am to 10:30 am Central",
        f"{STREET}, League City, TX 77573",
        "Standard Mobile Notary",
        "Nora Notary",
        "$44.00",
        "$41.00",
        "$20.00",
        "$105.00",
        "$52.50",
        "due at the door",
        "photo ID",
    ):
        assert said in sent.text, said
        assert said.replace("'", "&#x27;") in sent.html, said


def test_statutory_lines_stand_apart_and_the_lines_add_up(catalogue: Catalogue) -> None:
    text = mail(MessageKind.CONFIRMATION, make_booking(catalogue.standard, starts_at=START)).text
    lines = text.splitlines()
    law, ours = lines.index("Set by Texas law"), lines.index("Our service")
    total = next(index for index, line in enumerate(lines) if line.startswith("Total:"))
    assert law < ours < total
    assert [line.strip() for line in lines[law + 1 : ours]] == [
        "Notarial acts (4), set by law: $44.00"
    ]
    amounts = [float(line.rpartition("$")[2]) for line in lines[law + 1 : total] if "$" in line]
    assert sum(amounts) == float(lines[total].rpartition("$")[2])


def test_an_online_appointment_has_no_street_and_asks_for_a_camera(catalogue: Catalogue) -> None:
    booking = make_booking(catalogue.ron, documents=1, signers=1)
    text = mail(MessageKind.CONFIRMATION, booking).text
    assert "Online, by video" in text
    assert "camera" in text
    assert "Nothing more is to be paid." in text
    assert "Our service" not in text


def make_choice(booking: Booking) -> LateChoice:
    now = timezone.now()
    return LateChoice.objects.create(
        payment=make_refund(booking, 3750).payment,
        booking=booking,
        opened_at=now,
        expires_at=START,
    )


@pytest.mark.parametrize("kind", list(MessageKind))
def test_every_mail_is_plain_text_too_and_calls_nobody(kind: MessageKind, booking: Booking) -> None:
    occasion = {
        MessageKind.REFUNDED: lambda: str(make_refund(booking, 3750).pk),
        MessageKind.LATE_CHOICE: lambda: str(make_choice(booking).pk),
        MessageKind.NOTARY_GONE: lambda: "2026-12-01T15:30:00Z",
    }.get(kind, lambda: "")
    sent = mail(kind, booking, occurrence_id=occasion())
    page = parse(sent.html)
    assert not [tag for tag, _ in page.tags if tag in ("img", "script", "link", "iframe", "form")]
    assert "url(" not in sent.html
    assert "<" not in sent.text
    assert "&#" not in sent.text
    assert "{{" not in sent.text + sent.html
    assert "{%" not in sent.text + sent.html
    assert "\n\n\n" not in sent.text
    for text in (sent.text, " ".join(page.texts)):
        assert "I AM NOT AN ATTORNEY LICENSED TO PRACTICE LAW IN TEXAS" in text
        assert booking.reference in text
    assert "notario" not in (sent.text + sent.html).lower()


def test_text_and_html_say_the_same(booking: Booking) -> None:
    sent = mail(MessageKind.CONFIRMATION, booking)
    html = " ".join(" ".join(parse(sent.html).texts).split())
    for line in sent.text.splitlines():
        for part in line.strip("- 0123456789.").split(": "):
            if part and not part.startswith("http"):
                assert part.strip(": ") in html, part


def test_a_name_with_markup_does_no_harm(catalogue: Catalogue) -> None:
    booking = make_booking(catalogue.standard, street='1 <b onclick="x">Main</b> & Co')
    sent = mail(MessageKind.CONFIRMATION, booking)
    assert '1 <b onclick="x">Main</b> & Co' in sent.text
    assert "<b " not in sent.html
    assert "&lt;b onclick" in sent.html


def test_the_link_opens_this_booking_and_nothing_at_the_api(booking: Booking) -> None:
    text = mail(MessageKind.FIND_LINK, booking).text
    link = next(line for line in text.splitlines() if "/manage/" in line)
    path, _, token = link.partition("?token=")
    assert path.endswith(f"/manage/{booking.pk}")
    read = tokens.read(token, purpose=tokens.MANAGE)
    assert read is not None
    assert (read.subject_id, read.generation) == (booking.pk, booking.access_generation)
    assert tokens.read(token, purpose=tokens.ACCESS) is None


def test_the_former_address_gets_no_link_and_not_the_new_address(booking: Booking) -> None:
    sent = mail(MessageKind.ADDRESS_CHANGED, booking, recipient="former@example.com")
    assert sent.to == "former@example.com"
    assert "/manage/" not in sent.text + sent.html
    assert booking.customer_email not in sent.text + sent.html


@pytest.mark.parametrize("kind", FOR_NOTARIES)
def test_a_notary_gets_what_the_job_needs_and_no_way_into_the_booking(
    kind: MessageKind, booking: Booking
) -> None:
    booking.signer_details = [{"name": "Sam Signer", "email": "sam@example.com"}]
    booking.special_instructions = "Ring <twice>"
    booking.save()
    sent = mail(kind, booking, recipient="nora@example.com", occurrence_id="2026-12-01T15:30:00Z")
    both = sent.text + sent.html
    assert "token=" not in both
    assert "/manage/" not in both
    assert CUSTOMER not in both
    assert sent.attachments == ()
    needed = ["Sam Signer", STREET, "(713) 555-0199", "at the door", "Ring <twice>"]
    is_gone = kind is MessageKind.NOTARY_GONE
    assert [one in sent.text for one in needed] == [not is_gone] * len(needed)
    if is_gone:
        assert "Tuesday 1 December, 9:30 am Central" in sent.text
        assert sent.subject.startswith("Job gone: Tuesday 1 December, 9:30 am Central")


def test_what_is_missing_is_named_and_can_be_sent(catalogue: Catalogue) -> None:
    text = mail(MessageKind.DOCUMENTS_MISSING, make_booking(catalogue.ron, documents=1)).text
    assert "- your documents as PDF, complete but not yet signed" in text
    assert "- the name and e-mail address of every signer" in text
    assert "Send what is missing:\nhttp" in text


def test_the_link_to_the_session_is_the_providers(catalogue: Catalogue) -> None:
    booking = make_booking(catalogue.ron, ron_join_url="https://proof.example/oc_1?a=b&c=d")
    sent = mail(MessageKind.RON_LINK, booking)
    assert "Join the session:\nhttps://proof.example/oc_1?a=b&c=d" in sent.text
    assert 'href="https://proof.example/oc_1?a=b&amp;c=d"' in sent.html


@pytest.mark.parametrize(("address", "said"), [("", False), ("https://g.example/review", True)])
def test_who_has_no_page_for_reviews_asks_for_an_answer(
    booking: Booking, settings: Settings, address: str, said: bool
) -> None:
    settings.COMPANY = {**settings.COMPANY, "review_url": address}
    text = mail(MessageKind.REVIEW_REQUEST, booking).text
    assert ("Write a review:\nhttps://g.example/review" in text) is said
    assert "answer this mail" in text


def test_a_cancellation_says_what_is_kept_and_what_comes_back(catalogue: Catalogue) -> None:
    booking = make_booking(
        catalogue.standard,
        status="CANCELLED",
        amount_paid_cents=5250,
        cancel_tier="24H_TO_2H",
        cancel_kept_cents=1500,
        cancel_refund_cents=3750,
    )
    tier = booking.policy["tiers"][1]
    Booking.objects.filter(pk=booking.pk).update(cancel_tier=tier["code"])
    sent = mail(MessageKind.CANCELLED, booking)
    assert sent.subject == f"Your booking is cancelled ({booking.reference})"
    for said in ("You paid: $52.50", f"We keep: {tier['label']}: $15.00", "You get back: $37.50"):
        assert said in sent.text
    (file,) = sent.attachments
    assert "method=CANCEL" in file.content_type
    assert b"STATUS:CANCELLED" in file.content


def test_a_cancellation_by_us_says_so(catalogue: Catalogue) -> None:
    booking = make_booking(
        catalogue.standard,
        status="CANCELLED",
        amount_paid_cents=5250,
        cancel_tier="BY_US",
        cancel_refund_cents=5250,
    )
    sent = mail(MessageKind.CANCELLED, booking)
    assert sent.subject.startswith("We had to cancel your booking")
    assert "$52.50 goes back" in sent.text


def test_a_cancelled_booking_that_was_never_paid_owes_nobody_and_is_in_no_calendar(
    catalogue: Catalogue,
) -> None:
    booking = make_booking(
        catalogue.standard, status="CANCELLED", amount_paid_cents=0, confirmed_at=None
    )
    sent = mail(MessageKind.CANCELLED, booking)
    assert "had not paid anything" in sent.text
    assert sent.attachments == ()


def test_a_declined_card_is_told_how_long_and_how_to_try_again(catalogue: Catalogue) -> None:
    booking = make_booking(
        catalogue.standard,
        starts_at=START + timedelta(days=1),
        status="PENDING_PAYMENT",
        amount_paid_cents=0,
        confirmed_at=None,
        expires_at=START,
    )
    text = mail(MessageKind.PAYMENT_FAILED, booking).text
    assert "nothing was charged" in text
    assert "We keep your time until 9:30 am Central" in text
    assert "Pay $52.50:" in text
    assert "/manage/" in text


def test_a_refund_names_its_own_amount(booking: Booking) -> None:
    refund = make_refund(booking, 3750)
    Booking.objects.filter(pk=booking.pk).update(amount_refunded_cents=3750)
    sent = mail(MessageKind.REFUNDED, booking, occurrence_id=str(refund.pk))
    assert sent.subject == f"We have sent $37.50 back ({booking.reference})"
    assert "Set by Texas law" in sent.text
    assert "Paid by card, " in sent.text
    assert "Sent back to the card, " in sent.text
    assert ": -$37.50" in sent.text


def test_a_refund_by_hand_speaks_of_no_card(booking: Booking) -> None:
    refund = make_refund(booking, 3750)
    Refund.objects.filter(pk=refund.pk).update(method="BY_HAND")
    text = mail(MessageKind.REFUNDED, booking, occurrence_id=str(refund.pk)).text
    assert "You have it from us by hand." in text
    assert "goes to the card" not in text


def test_late_money_is_offered_the_kept_times_by_a_signed_link(booking: Booking) -> None:
    choice = make_choice(booking)
    text = mail(MessageKind.LATE_CHOICE, booking, occurrence_id=str(choice.pk)).text
    assert "Your payment of $90.00 arrived after the time" in text
    assert "until 9:30 am Central" in text
    assert "&next=late" in text


def test_a_pay_link_leads_to_the_card_form(booking: Booking) -> None:
    sent = mail(MessageKind.PAY_LINK, booking)
    assert "&next=pay" in sent.text
    assert sent.subject.startswith("Pay $")


@pytest.mark.parametrize(
    ("kind", "page"),
    [(MessageKind.DOCUMENTS_MISSING, "session"), (MessageKind.IDENTITY_FAILED, "in_person")],
)
def test_what_is_asked_for_is_one_click_away(
    booking: Booking, kind: MessageKind, page: str
) -> None:
    assert f"&next={page}" in mail(kind, booking).text


def test_the_calendar_file_keeps_its_uid_and_raises_its_sequence(booking: Booking) -> None:
    def event(kind: MessageKind) -> tuple[Any, Any]:
        calendar = Calendar.from_ical(mail(kind, booking).attachments[0].content)
        return calendar, calendar.walk("VEVENT")[0]

    first_calendar, first = event(MessageKind.CONFIRMATION)
    moved_to = booking.starts_at + timedelta(days=1)
    Booking.objects.filter(pk=booking.pk).update(
        version=2, starts_at=moved_to, ends_at=moved_to + timedelta(hours=1)
    )
    _, second = event(MessageKind.RESCHEDULED)
    assert first["UID"] == second["UID"]
    assert (first["SEQUENCE"], second["SEQUENCE"]) == (1, 2)
    assert first_calendar["METHOD"] == "PUBLISH"
    assert second["DTSTART"].dt == moved_to
    assert [zone["TZID"] for zone in first_calendar.walk("VTIMEZONE")] == ["America/Chicago"]
    assert first["DTSTART"].params["TZID"] == "America/Chicago"


def test_the_metadata_carries_our_ids_and_no_person(booking: Booking) -> None:
    sent = mail(MessageKind.CONFIRMATION, booking)
    assert set(sent.metadata) == {"booking_id", "reference", "message", "job_id"}
    UUID(sent.metadata["job_id"])
    assert all(len(key) <= 20 and len(value) <= 80 for key, value in sent.metadata.items())
    assert CUSTOMER not in str(sent.metadata) + sent.subject

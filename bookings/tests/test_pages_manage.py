"""A customer's own booking by its signed link."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from bookings.actions.confirm_booking import confirm_booking
from bookings.actions.hold_slot import HoldRequest, hold_slot
from bookings.links import manage_url
from bookings.locks import lock_booking
from bookings.models import Booking, SlotClaim
from bookings.states import BookingStatus, ClaimState
from bookings.tests.browsing import (
    book_through_pages,
    cookie,
    start_of,
    text_of,
    values_of,
    weekday_ahead,
)
from bookings.tests.factories import HOLDER, STAFF, NotaryFactory, wanted
from hmnp.core import tokens, transactions
from services.tests.fixtures import Catalogue

BALANCE, MOVE = "Pay the balance of $42.50", "Move to another time"
CANCEL, CALENDAR = "Cancel the booking", "Add to my calendar"

pytestmark = pytest.mark.django_db


@pytest.fixture
def booking(catalogue: Catalogue) -> Booking:
    """A confirmed booking, half paid, made in another browser."""
    NotaryFactory()
    made = book_through_pages(Client(), day=weekday_ahead(days=5))
    return pay_and_confirm(made)


def pay_and_confirm(booking: Booking) -> Booking:
    def work() -> None:
        locked = lock_booking(booking_id=booking.pk)
        assert locked.claim is not None
        locked.booking.amount_paid_cents = locked.booking.due_now_cents
        locked.booking.save(update_fields=["amount_paid_cents"])
        confirm_booking(booking=locked.booking, claim=locked.claim, actor=STAFF, now=timezone.now())

    transactions.run(work)
    return Booking.objects.select_related("service").get(pk=booking.pk)


def enter(client: Client, booking: Booking) -> str:
    """Open the link from the mail, and give the address it leads to."""
    answer = client.get(path_of_link(booking))
    return str(answer["Location"])


def path_of_link(booking: Booking) -> str:
    parts = urlsplit(manage_url(booking=booking))
    return f"{parts.path}?{parts.query}"


def move_to(booking: Booking, *, in_hours: float) -> Booking:
    """Let the appointment be so near."""
    starts_at = timezone.now() + timedelta(hours=in_hours)
    Booking.objects.filter(pk=booking.pk).update(
        starts_at=starts_at, ends_at=starts_at + timedelta(hours=1), tier_starts_at=starts_at
    )
    booking.refresh_from_db()
    return booking


def test_the_link_leads_to_the_address_without_the_token(client: Client, booking: Booking) -> None:
    answer = client.get(path_of_link(booking))

    assert (answer.status_code, answer["Location"]) == (302, f"/manage/{booking.pk}")
    assert cookie(answer, "hmnp_manage") == {
        "path": f"/manage/{booking.pk}",
        "httponly": True,
        "samesite": "Lax",
    }
    page = client.get(answer["Location"])
    said = text_of(page)
    assert booking.reference in said
    assert "Confirmed" in said
    assert "1 Main St, League City, TX 77573" in said
    assert "Paid $42.50" in said
    assert "At the door: card, cash or check $42.50" in said
    assert page["Cache-Control"] == "no-store"


def _forged(booking: Booking) -> str:
    return f"/manage/{booking.pk}?token=local.manage.{booking.pk.hex}.1.AAAA"


def _with_the_api_token(booking: Booking) -> str:
    token = tokens.derive(purpose=tokens.ACCESS, subject_id=booking.pk)
    return f"/manage/{booking.pk}?token={token.text}"


def _of_another_booking(booking: Booking) -> str:
    token = tokens.derive(purpose=tokens.MANAGE, subject_id=uuid4())
    return f"/manage/{booking.pk}?token={token.text}"


def _revoked(booking: Booking) -> str:
    path = path_of_link(booking)
    Booking.objects.filter(pk=booking.pk).update(access_generation=2)
    return path


def _ended(booking: Booking) -> str:
    long_ago = timezone.now() - timedelta(days=31)
    Booking.objects.filter(pk=booking.pk).update(
        starts_at=long_ago - timedelta(hours=1), ends_at=long_ago
    )
    return path_of_link(booking)


def _without(booking: Booking) -> str:
    return f"/manage/{booking.pk}"


def _random(_: Booking) -> str:
    return f"/manage/{uuid4()}"


@pytest.mark.parametrize(
    "address",
    [_forged, _with_the_api_token, _of_another_booking, _revoked, _ended, _without, _random],
)
def test_a_link_that_opens_nothing_leads_to_a_fresh_one(
    client: Client, booking: Booking, address: object
) -> None:
    assert callable(address)
    answer = client.get(address(booking))

    assert answer.status_code == 404
    assert "This link does not open a booking" in text_of(answer)
    assert b'href="/find/"' in answer.content
    assert booking.reference not in answer.content.decode()
    assert "hmnp_manage" not in answer.cookies


@pytest.mark.parametrize("page", ["", "/cancel", "/reschedule", "/pay", "/calendar.ics"])
def test_the_cookie_of_one_booking_opens_no_other(
    client: Client, booking: Booking, page: str
) -> None:
    other = book_through_pages(Client(), day=weekday_ahead(days=8))
    enter(client, other)

    assert client.get(f"/manage/{booking.pk}{page}").status_code == 404


def test_a_revoked_link_ends_open_pages_too(client: Client, booking: Booking) -> None:
    address = enter(client, booking)
    Booking.objects.filter(pk=booking.pk).update(access_generation=2)

    assert client.get(address).status_code == 404
    assert client.post(f"{address}/cancel", {"shown_refund": "4250"}).status_code == 404
    booking.refresh_from_db()
    assert booking.status == BookingStatus.CONFIRMED


@pytest.mark.parametrize(
    ("in_hours", "refund", "kept"),
    [(48, "$42.50", None), (10, "$27.50", "$15.00"), (1, "$7.50", "$35.00")],
)
def test_the_exact_refund_is_shown_before_the_click(
    client: Client, booking: Booking, in_hours: float, refund: str, kept: str | None
) -> None:
    address = enter(client, move_to(booking, in_hours=in_hours))

    said = text_of(client.get(f"{address}/cancel"))

    assert f"You get back {refund}" in said
    assert f"Cancel and get {refund} back" in said
    assert ("We keep" in said) == (kept is not None)
    assert kept is None or f"−{kept}" in said
    booking.refresh_from_db()
    assert booking.status == BookingStatus.CONFIRMED


def test_cancelling_gives_back_what_was_shown(client: Client, booking: Booking) -> None:
    address = enter(client, booking)
    shown = values_of(client.get(f"{address}/cancel"), "shown_refund")[0]

    answer = client.post(f"{address}/cancel", {"shown_refund": shown, "reason": "Plans changed"})

    assert answer["Location"] == f"{address}?done=cancelled"
    booking.refresh_from_db()
    assert booking.status == BookingStatus.CANCELLED
    assert booking.cancel_refund_cents == 4_250
    assert booking.cancel_reason == "Plans changed"
    said = text_of(client.get(answer["Location"]))
    assert "Your booking has been cancelled" in said
    assert "$42.50 is on its way back to your card." in said
    assert client.post(f"{address}/cancel", {"shown_refund": shown})["Location"] == (
        f"{address}?done=cancelled"
    )


def test_a_refund_that_changed_meanwhile_is_shown_again_first(
    client: Client, booking: Booking
) -> None:
    address = enter(client, booking)
    move_to(booking, in_hours=10)

    answer = client.post(f"{address}/cancel", {"shown_refund": "4250"})

    assert answer.status_code == 412
    assert "What you get back has changed" in text_of(answer)
    assert "You get back $27.50" in text_of(answer)
    booking.refresh_from_db()
    assert booking.status == BookingStatus.CONFIRMED


def test_what_has_begun_cannot_be_cancelled(client: Client, booking: Booking) -> None:
    address = enter(client, move_to(booking, in_hours=-0.5))

    assert client.get(f"{address}/cancel").status_code == 409
    assert client.post(f"{address}/cancel", {"shown_refund": "0"}).status_code == 409
    booking.refresh_from_db()
    assert booking.status == BookingStatus.CONFIRMED


def test_another_time_shows_its_price_before_anything_moves(
    client: Client, booking: Booking
) -> None:
    address = enter(client, booking)
    page = client.get(f"{address}/reschedule", {"day": weekday_ahead(days=9)})
    start = values_of(page, "start")[3]

    asked = client.get(f"{address}/reschedule", {"start": start})

    assert "The price stays the same" in text_of(asked)
    assert "Move the booking" in text_of(asked)
    unmoved = booking.starts_at
    booking.refresh_from_db()
    assert booking.starts_at == unmoved

    sent = {"start": start, "shown_total": values_of(asked, "shown_total")[0]}
    answer = client.post(f"{address}/reschedule", sent)
    assert answer["Location"] == f"{address}?done=moved"
    booking.refresh_from_db()
    assert booking.starts_at == start_of(start)
    assert SlotClaim.objects.filter(state=ClaimState.BOOKED).count() == 1


def test_the_time_one_has_is_not_offered_again_but_those_beside_it_are(
    client: Client, booking: Booking
) -> None:
    address = enter(client, booking)
    day = booking.starts_at.astimezone(booking.zone).date().isoformat()

    starts = {
        start_of(value)
        for value in values_of(client.get(f"{address}/reschedule", {"day": day}), "start")
    }

    assert booking.starts_at not in starts
    assert booking.starts_at + timedelta(minutes=30) in starts


def test_a_late_move_names_its_fee(client: Client, booking: Booking) -> None:
    address = enter(client, move_to(booking, in_hours=10))
    page = client.get(f"{address}/reschedule", {"day": weekday_ahead(days=9)})
    assert "Moving costs $25.00 now" in text_of(page)

    asked = client.get(f"{address}/reschedule", {"start": values_of(page, "start")[0]})

    assert "$25.00 more" in text_of(asked)
    assert "Late change of time $25.00" in text_of(asked)
    assert "Total $110.00" in text_of(asked)


def test_a_move_at_a_price_not_shown_is_asked_again(client: Client, booking: Booking) -> None:
    address = enter(client, booking)
    page = client.get(f"{address}/reschedule", {"day": weekday_ahead(days=9)})

    sent = {"start": values_of(page, "start")[0], "shown_total": "100"}
    answer = client.post(f"{address}/reschedule", sent)

    assert answer.status_code == 409
    assert "The price of this time has changed" in text_of(answer)
    before = booking.starts_at
    booking.refresh_from_db()
    assert booking.starts_at == before


def test_moving_to_a_taken_time_offers_others_and_keeps_the_booking(
    client: Client, booking: Booking
) -> None:
    address = enter(client, booking)
    page = client.get(f"{address}/reschedule", {"day": weekday_ahead(days=9)})
    start = values_of(page, "start")[3]
    hold_slot(
        request=HoldRequest(wanted=wanted(starts_at=start_of(start))),
        holder=HOLDER,
        now=timezone.now(),
    )

    answer = client.post(f"{address}/reschedule", {"start": start, "shown_total": "8500"})

    assert answer.status_code == 409
    assert "This time has just been taken" in text_of(answer)
    assert "Your booking is as it was." in text_of(answer)
    assert answer.content.decode().count('id="start-alt-') == 3
    before = booking.starts_at
    booking.refresh_from_db()
    assert booking.starts_at == before


def test_too_close_to_the_start_it_says_to_call(client: Client, booking: Booking) -> None:
    address = enter(client, move_to(booking, in_hours=1))
    page = client.get(f"{address}/reschedule", {"day": weekday_ahead(days=9)})

    answer = client.get(f"{address}/reschedule", {"start": values_of(page, "start")[0]})

    assert answer.status_code == 409
    assert "please call us" in text_of(answer)


def test_reading_changes_nothing(client: Client, booking: Booking) -> None:
    address = enter(client, booking)
    before = Booking.objects.filter(pk=booking.pk).values().get()
    page = client.get(f"{address}/reschedule", {"day": weekday_ahead(days=9)})
    start = values_of(page, "start")[0]

    for path in ("", "/cancel", "/reschedule", f"/reschedule?start={start}", "/pay"):
        assert client.get(f"{address}{path.replace('+', '%2B')}").status_code == 200

    assert Booking.objects.filter(pk=booking.pk).values().get() == before


def test_every_change_needs_the_csrf_token(booking: Booking) -> None:
    strict = Client(enforce_csrf_checks=True)
    address = enter(strict, booking)

    answer = strict.post(f"{address}/cancel", {"shown_refund": "4250"})

    assert answer.status_code == 403
    booking.refresh_from_db()
    assert booking.status == BookingStatus.CONFIRMED


def test_it_gives_the_calendar_file(client: Client, booking: Booking) -> None:
    answer = client.get(f"{enter(client, booking)}/calendar.ics")

    assert answer["Content-Type"].startswith("text/calendar")
    assert "attachment" in answer["Content-Disposition"]
    assert f"UID:{booking.pk}".encode() in answer.content


def test_the_receipt_shows_the_reference_and_opens_the_manage_page(catalogue: Catalogue) -> None:
    NotaryFactory()
    browser = Client()
    booking = pay_and_confirm(book_through_pages(browser))

    page = browser.get(f"/book/confirmed/{booking.pk}/")

    said = text_of(page)
    assert booking.reference in said
    assert "What happens next" in said
    assert "Please have ready" in said
    assert "ada@example.com" in said
    assert cookie(page, "hmnp_manage")["path"] == f"/manage/{booking.pk}"
    assert browser.get(f"/manage/{booking.pk}").status_code == 200
    assert browser.get(f"/book/confirmed/{booking.pk}/calendar.ics").status_code == 200


@pytest.mark.parametrize("page", ["", "calendar.ics"])
def test_the_receipt_is_for_the_browser_that_booked(
    client: Client, booking: Booking, page: str
) -> None:
    answer = client.get(f"/book/confirmed/{booking.pk}/{page}")

    assert answer.status_code == 404
    assert booking.reference not in answer.content.decode()


def test_what_a_customer_typed_is_shown_as_text(client: Client, booking: Booking) -> None:
    Booking.objects.filter(pk=booking.pk).update(
        customer_name="<script>alert(1)</script>", special_instructions='"><img src=x>'
    )
    source = client.get(enter(client, booking)).content.decode()

    assert "<script>alert" not in source
    assert re.search(r"<img src=x", source) is None


@pytest.mark.parametrize(
    ("status", "words", "offers"),
    [
        (BookingStatus.PENDING_PAYMENT, "Waiting for the payment", [MOVE, CANCEL]),
        (BookingStatus.CONFIRMED, "Confirmed", [BALANCE, MOVE, CANCEL, CALENDAR]),
        (BookingStatus.IN_PROGRESS, "The notary is with you", [BALANCE, CALENDAR]),
        (BookingStatus.COMPLETED, "Done", [BALANCE]),
        (BookingStatus.NO_SHOW, "Nobody was there", []),
        (BookingStatus.CANCELLED, "Cancelled", []),
        (BookingStatus.EXPIRED, "Not booked: it was not paid in time", []),
    ],
)
def test_the_page_says_how_it_stands_and_what_can_be_done(
    client: Client, booking: Booking, status: BookingStatus, words: str, offers: list[str]
) -> None:
    Booking.objects.filter(pk=booking.pk).update(status=status.value)

    source = client.get(enter(client, booking)).content.decode()

    assert words in source
    found = re.findall(
        rf'<a class="button[^>]*href="/manage/{booking.pk}/[^>]*>([^<]+)</a>', source
    )
    # What was paid can always be looked up.
    assert [text.strip() for text in found] == [*offers, "Receipt"]


def test_an_unpaid_booking_can_be_paid_from_its_page(client: Client, catalogue: Catalogue) -> None:
    NotaryFactory()
    unpaid = book_through_pages(Client())

    page = client.get(enter(client, unpaid))

    assert "Waiting for the payment" in text_of(page)
    assert f'href="/manage/{unpaid.pk}/pay">Pay $42.50</a>' in page.content.decode()


def test_a_payment_past_its_time_is_being_checked(client: Client, catalogue: Catalogue) -> None:
    NotaryFactory()
    unpaid = book_through_pages(Client())
    Booking.objects.filter(pk=unpaid.pk).update(expires_at=timezone.now() - timedelta(minutes=1))

    assert "The payment is being checked" in text_of(client.get(enter(client, unpaid)))


def test_money_on_its_way_back_is_told_until_it_is_back(client: Client, booking: Booking) -> None:
    Booking.objects.filter(pk=booking.pk).update(
        status=BookingStatus.CANCELLED.value,
        cancel_refund_cents=4_250,
        amount_refunded_cents=4_250,
        refund_status="SUCCEEDED",
    )
    said = text_of(client.get(enter(client, booking)))

    assert "$42.50 went back to your card." in said
    assert "Paid back $42.50" in said
    assert "At the door" not in said


def test_the_video_session_is_joined_from_the_page(client: Client, booking: Booking) -> None:
    Booking.objects.filter(pk=booking.pk).update(ron_join_url="https://example.com/join/1")

    assert b'href="https://example.com/join/1">Join the video session' in (
        client.get(enter(client, booking)).content
    )

"""A booking's money page: everything in one place, and each form does what the action does."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from bookings.models import Booking
from bookings.states import BookingStatus
from bookings.tests.browsing import text_of
from bookings.tests.factories import a_notary, book
from hmnp.accounts.tests.desk_door import open_desk
from payments.models import Payment, Refund
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def booking(catalogue: Catalogue) -> Booking:
    """A booking that waits for its deposit."""
    a_notary()
    return book()


@pytest.fixture
def desk(client: Client) -> Client:
    """A browser signed in as the owner."""
    open_desk(client, User.objects.create_superuser("owner", "owner@example.com", "x"))
    return client


def _at(booking: Booking) -> str:
    return f"/admin/bookings/booking/{booking.pk}/money/"


def _send(desk: Client, booking: Booking, **data: str) -> str:
    return text_of(desk.post(_at(booking), data, follow=True))


def _now(booking: Booking) -> Booking:
    return Booking.objects.get(pk=booking.pk)


def test_the_booking_leads_to_it_and_it_shows_price_sums_and_what_cancelling_gives(
    desk: Client, booking: Booking
) -> None:
    page = desk.get(f"/admin/bookings/booking/{booking.pk}/change/")
    assert _at(booking).encode() in page.content

    said = text_of(desk.get(_at(booking)))
    assert f"Money of {booking.reference}" in said
    assert "set by law" in said
    assert "$85.00" in said
    assert "$42.50" in said
    assert "By the customer" in said
    assert "Waive and confirm" in said


def test_cash_confirms_once_however_often_the_form_is_sent(desk: Client, booking: Booking) -> None:
    for _ in range(2):
        said = _send(
            desk, booking, do="take", amount="42.50", method="CASH", note="front desk", form_key="k"
        )
        assert "The payment is recorded." in said
    payment = Payment.objects.get(method="CASH")
    assert payment.recorded_by == f"admin:{User.objects.get().pk}"
    assert "front desk" in said
    assert _now(booking).status == BookingStatus.CONFIRMED
    assert _now(booking).amount_paid_cents == 4250


def test_a_waiver_needs_a_reason(desk: Client, booking: Booking) -> None:
    _send(desk, booking, do="waive", reason="  ")
    assert _now(booking).status == BookingStatus.PENDING_PAYMENT
    assert "The booking stands" in _send(desk, booking, do="waive", reason="a partner")
    assert _now(booking).deposit_waived_reason == "a partner"


def test_too_much_is_refused_in_words(desk: Client, booking: Booking) -> None:
    said = _send(desk, booking, do="take", amount="85.01", method="CASH", form_key="k")
    assert "The amount is more than the price. Nothing was changed." in said
    assert not Payment.objects.filter(method="CASH").exists()


def test_a_part_of_the_cash_goes_back_by_hand(desk: Client, booking: Booking) -> None:
    _send(desk, booking, do="take", amount="85", method="CHEQUE", form_key="k")
    payment = Payment.objects.get(method="CHEQUE")
    sent = {"do": "refund", "payment": str(payment.pk), "form_key": "r"}
    assert "Ensure this value" in _send(desk, booking, **sent, amount="0", reason="x")
    assert "Nothing was changed" in _send(desk, booking, **sent, amount="85.01", reason="x")
    _send(desk, booking, **sent, amount="10", reason="late")
    refund = Refund.objects.get()
    assert (refund.amount_cents, refund.method, refund.status) == (1000, "BY_HAND", "REQUESTED")
    said = _send(desk, booking, do="hand", refund=str(refund.pk), note="in an envelope")
    assert "in an envelope" in said
    assert _now(booking).amount_refunded_cents == 1000


def test_a_pay_link_is_sent(desk: Client, booking: Booking) -> None:
    assert "The customer is sent a link" in _send(desk, booking, do="link")


def test_cancelling_does_only_what_was_shown(desk: Client, booking: Booking) -> None:
    _send(desk, booking, do="take", amount="85", method="CASH", form_key="k")
    sent = {"do": "cancel", "whose": "ours", "reason": "the notary is ill", "shown_theirs": "0"}
    assert "Nothing was changed" in _send(desk, booking, **sent, shown_ours="1")
    assert _now(booking).status == BookingStatus.CONFIRMED
    assert "The booking is cancelled." in _send(desk, booking, **sent, shown_ours="8500")
    assert (_now(booking).status, _now(booking).cancel_refund_cents) == ("CANCELLED", 8500)
    assert "Cash or a check is owed back" in text_of(desk.get(_at(booking)))


def test_a_refund_of_another_booking_is_not_found(desk: Client, booking: Booking) -> None:
    answer = desk.post(_at(booking), {"do": "again", "refund": str(booking.pk)})
    assert answer.status_code == 404
    assert desk.post(_at(booking), {"do": "nonsense"}).status_code == 404


def test_only_who_may_see_money_sees_it_and_only_who_may_change_it_changes_it(
    client: Client, booking: Booking
) -> None:
    assert "/admin/login/" in client.get(_at(booking))["Location"]
    staff = User.objects.create_user("staff", is_staff=True)
    open_desk(client, staff)
    assert client.get(_at(booking)).status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="view_payment"))
    page = client.get(_at(booking))
    assert page.status_code == 200
    assert b"Record the payment" not in page.content
    sent = {"do": "take", "amount": "42.50", "method": "CASH"}
    assert client.post(_at(booking), sent).status_code == 403
    assert _now(booking).amount_paid_cents == 0
    # Whoever takes money does not give it back.
    staff.user_permissions.add(Permission.objects.get(codename="change_payment"))
    assert client.post(_at(booking), sent).status_code == 302
    assert _now(booking).amount_paid_cents == 4250
    assert b"Give a part back" not in client.get(_at(booking)).content
    for deed in ("refund", "again", "hand"):
        assert client.post(_at(booking), {"do": deed}).status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="change_refund"))
    assert b"Give a part back" in client.get(_at(booking)).content

"""A remote session on a phone: paid in full, cancelled too late for all of it to come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser import walk
from tests.browser.site import Site, until
from tests.browser.visitor import Visitor
from tests.browser.walk import Customer

pytestmark = pytest.mark.browser


def test_a_remote_session_is_booked_and_paid_in_full(
    phone_user: Visitor, site: Site, email: str
) -> None:
    page = phone_user.page
    walk.choose_service(page, walk.REMOTE)
    now = datetime.now(tz=UTC)
    walk.pick_time_between(page, now + timedelta(hours=4), now + timedelta(hours=20))
    phone_user.look("remote-when", like="when")
    walk.keep(page)
    walk.type_details(page, Customer(email), is_mobile=False)
    page.get_by_label("Signer 1: name").fill("Ana María Ruiz")
    phone_user.look("remote-details")
    page.get_by_role("button", name="Continue to payment").last.click()
    # Half a signer is a mistake; the rest of the form is kept.
    expect(page.get_by_role("alert")).to_contain_text("Give the e-mail of signer 1 too.")
    page.get_by_label("Signer 1: e-mail").fill(email)
    walk.send_details(page)
    expect(walk.pay_button(page)).to_have_text("Pay $35.00 and book")
    walk.card_field(page)
    walk.pay(page, walk.GOOD_CARD)
    reference = walk.expect_booked(page)
    phone_user.look("remote-confirmed", like="confirmed")
    booking = site.booking_of(email)
    assert (booking["status"], booking["reference"]) == ("CONFIRMED", reference)
    assert (booking["amountPaid"], booking["balanceDue"]) == (35.0, 0)
    assert booking["signerDetails"] == [{"name": "Ana María Ruiz", "email": email}]
    site.mail(email, subject=reference)
    _cancel_late(phone_user, site, booking["id"])


def _cancel_late(visitor: Visitor, site: Site, booking_id: str) -> None:
    """Less than a day before the start a part is kept; the page says which before the click."""
    page = visitor.page
    page.get_by_role("link", name="Change or cancel").click()
    page.get_by_role("link", name="Cancel the booking").click()
    assert walk.money_beside(page, "Paid so far") == "$35.00"
    assert walk.money_beside(page, "We keep") == "−$15.00"
    assert walk.money_beside(page, "You get back") == "$20.00"
    visitor.look("cancel-late", like="cancel")
    page.get_by_label("Why?").fill("The bank found a notary of its own")
    page.get_by_role("button", name="Cancel and get $20.00 back").click()
    expect(page.get_by_role("heading", name="Your booking has been cancelled")).to_be_visible()
    cancellation = site.booking(booking_id)["cancellation"]
    assert (cancellation["fee"], cancellation["refundAmount"]) == (15.0, 20.0)
    assert cancellation["reason"] == "The bank found a notary of its own"
    until(lambda: site.refunded_cents(booking_id) == 2000, "the refund reaches the card")

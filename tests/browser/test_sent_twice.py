"""Impatient and forgetful customers: whatever they do, there is one booking and one charge."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import walk
from tests.browser.site import Site, until
from tests.browser.visitor import Visitor
from tests.browser.walk import Customer

pytestmark = pytest.mark.browser


def _double_click_to_payment(page: Page, email: str) -> None:
    walk.open_times(page, walk.REMOTE)
    walk.pick_day(page, 3)
    walk.pick_time(page, 0)
    page.get_by_role("button", name="Keep this time and continue").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your details")
    walk.type_details(page, Customer(email), is_mobile=False)
    page.get_by_role("button", name="Continue to payment").last.dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Review and pay")


@pytest.mark.night
def test_a_double_click_books_once_without_a_script(
    browser: Browser, site: Site, email: str
) -> None:
    with Visitor(browser, site, java_script_enabled=False) as plain:
        _double_click_to_payment(plain.page, email)
        assert site.booking_of(email)["status"] == "PENDING_PAYMENT"


def test_double_clicks_all_the_way_book_once_and_charge_once(
    visitor: Visitor, site: Site, email: str
) -> None:
    page = visitor.page
    _double_click_to_payment(page, email)
    walk.type_card(page, walk.GOOD_CARD)
    walk.pay_button(page).dblclick()
    walk.expect_booked(page)
    booking = site.booking_of(email)
    (intent,) = site.intents_of(booking["id"])
    charges = [
        charge
        for charge in site.ledger()["charges"]
        if charge["payment_intent"] == intent["id"] and charge["status"] == "succeeded"
    ]
    assert [charge["amount"] for charge in charges] == [3500]
    assert booking["amountPaid"] == 35.0


@pytest.mark.night
def test_going_back_after_the_receipt_and_sending_again_books_nothing_more(
    visitor: Visitor, site: Site, email: str
) -> None:
    page = visitor.page
    walk.open_times(page, walk.REMOTE)
    walk.pick_day(page, 4)
    walk.pick_time(page, 0)
    walk.keep(page)
    # The same form in a second tab, left for later.
    other = visitor.context.new_page()
    other.goto(page.url)
    for tab in (page, other):
        walk.type_details(tab, Customer(email), is_mobile=False)
    walk.send_details(page)
    walk.pay(page, walk.GOOD_CARD)
    reference = walk.expect_booked(page)
    other.get_by_role("button", name="Continue to payment").last.click()
    assert walk.expect_booked(other) == reference
    # Back to the payment and to the form: both know that it is done.
    page.go_back()
    assert walk.expect_booked(page) == reference
    page.goto("/book/ron/details/")
    assert walk.expect_booked(page) == reference
    page.goto("/book/pay/")
    assert walk.expect_booked(page) == reference
    booking = site.booking_of(email)
    assert booking["amountPaid"] == 35.0
    assert site.timeline(booking["id"]).count("payment_processed") == 1


@pytest.mark.night
def test_a_page_closed_right_after_paying_is_confirmed_by_stripes_word(
    visitor: Visitor, site: Site, email: str
) -> None:
    page = visitor.page
    walk.book_to_payment(page, Customer(email), service=walk.REMOTE, day=5)
    booking = site.booking_of(email)
    page.route("**/book/pay/return?**", lambda route: route.abort())
    with page.expect_request("**/book/pay/return?**"):
        walk.pay(page, walk.GOOD_CARD)
    page.close()
    until(lambda: site.booking(booking["id"])["status"] == "CONFIRMED", "the webhook settles")
    assert site.booking(booking["id"])["amountPaid"] == 35.0
    site.mail(email, subject=booking["reference"])
    # Whoever comes back later finds the receipt.
    later = visitor.context.new_page()
    later.goto("/book/pay/")
    assert walk.expect_booked(later) == booking["reference"]
    # The aborted load was the test's own doing.
    visitor.faults = [fault for fault in visitor.faults if "ERR_FAILED" not in fault]

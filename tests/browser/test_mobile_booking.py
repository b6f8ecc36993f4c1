"""A mobile booking by a person: from the home page to the receipt, moved and cancelled later."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import walk
from tests.browser.site import Site, until
from tests.browser.visitor import Visitor
from tests.browser.walk import Customer

pytestmark = pytest.mark.browser


def test_a_mobile_notary_is_booked_paid_moved_and_cancelled(
    visitor: Visitor, site: Site, email: str
) -> None:
    page = visitor.page
    _book(visitor, email)
    _fail_to_pay_twice(visitor, site, email)
    walk.answer_bank(page, "Complete authentication")
    reference = walk.expect_booked(page)
    visitor.look("confirmed")
    booking = site.booking_of(email)
    assert (booking["status"], booking["reference"]) == ("CONFIRMED", reference)
    assert (booking["amountPaid"], booking["balanceDue"]) == (42.5, 42.5)
    assert site.timeline(booking["id"]).count("confirmed") == 1
    _load_calendar_file(page, booking["id"])
    link = _link_from_mail(site, email, reference)
    _open_link(visitor, link)
    _move(visitor, site, booking)
    _cancel(visitor, site, booking["id"], email)


def _book(visitor: Visitor, email: str) -> None:
    page = visitor.page
    page.goto("/")
    expect(page).to_have_title(re.compile("notary in Houston"))
    walk.choose_service(page, walk.STANDARD)
    visitor.look("when-empty")
    page.get_by_label("ZIP code").fill("7757")
    page.get_by_role("button", name="Show times and price").click()
    _expect_summary(page, "A ZIP code has five digits, like 77573.")
    visitor.look("when-wrong-zip", like="details-wrong")
    page.get_by_label("ZIP code").fill("78701")
    page.get_by_role("button", name="Show times and price").click()
    _expect_summary(page, "78701 is too far away: we drive up to 50 miles from ZIP 77591.")
    expect(page.get_by_role("link", name=walk.REMOTE)).to_be_visible()
    visitor.look("when-too-far")
    walk.show_times(page, zip_code=walk.LEAGUE_CITY)
    day = walk.pick_day_at(page, "$85.00")
    expect(page.get_by_text("Times are Central time.")).to_be_visible()
    assert walk.money_beside(page, "Travel, 10.8 miles") == "included"
    assert walk.money_beside(page, "Due now") == "$42.50"
    first = walk.times(page).first
    expect(first).to_have_accessible_name(f"{day}, 9:00 am to 10:00 am Central")
    walk.pick_time(page, 0)
    visitor.look("when")
    walk.keep(page)
    _mistype_details(visitor, day, email)
    walk.send_details(page)
    walk.card_field(page)
    visitor.look("pay")


def _mistype_details(visitor: Visitor, day: str, email: str) -> None:
    page = visitor.page
    expect(page.get_by_text("We keep 9:00 am for you until")).to_be_visible()
    expect(page.get_by_text(re.compile(r"4 minutes left|5 minutes left"))).to_be_visible()
    visitor.look("details")
    page.get_by_label("Full name").fill("Ana María Ruiz")
    page.get_by_label("E-mail").fill("ana.ruiz@")
    page.get_by_label("Phone").fill("555")
    page.get_by_label("Street and number").fill("2500 Marina Bay Drive")
    page.get_by_label("Instructions").fill("Gate code 4417, blue door")
    page.get_by_role("button", name="Continue to payment").last.click()
    _expect_summary(page, "Give an e-mail address like name@example.com.")
    for text in ("Give a phone number like", "Give the city.", "Please accept the terms to book."):
        expect(page.get_by_role("alert").get_by_role("link", name=text)).to_be_visible()
    visitor.look("details-wrong")
    # What was typed is still there, and the summary leads to the field.
    expect(page.get_by_label("Full name")).to_have_value("Ana María Ruiz")
    expect(page.get_by_label("E-mail")).to_have_value("ana.ruiz@")
    expect(page.get_by_label("Instructions")).to_have_value("Gate code 4417, blue door")
    page.get_by_role("link", name="Give an e-mail address").click()
    expect(page.get_by_label("E-mail")).to_be_focused()
    page.get_by_label("E-mail").fill(email)
    # Back to the times and here again: what was typed has come along.
    page.get_by_role("button", name="Change time or place").click()
    expect(page.locator("#times-title")).to_have_text(day)
    expect(page.locator("#times").get_by_role("radio", checked=True)).to_have_count(1)
    walk.keep(page)
    expect(page.get_by_label("E-mail")).to_have_value(email)
    expect(page.get_by_label("Instructions")).to_have_value("Gate code 4417, blue door")
    walk.type_details(page, Customer(email), is_mobile=True)


def _fail_to_pay_twice(visitor: Visitor, site: Site, email: str) -> None:
    """A declined card and a refused 3-D Secure: another try each time, on the same intent."""
    page = visitor.page
    expect(walk.pay_button(page)).to_have_text("Pay $42.50 and book")
    walk.pay(page, walk.DECLINED_CARD)
    failure = page.locator("[data-pay-error]")
    expect(failure).to_contain_text("Your card was declined.")
    expect(walk.pay_button(page)).to_be_focused()
    visitor.look("pay-declined")
    walk.pay(page, walk.SECURE_CARD)
    dialog = page.get_by_role("dialog", name="Card authentication")
    expect(dialog).to_be_visible()
    visitor.look("pay-bank")
    walk.answer_bank(page, "Fail authentication")
    expect(failure).to_contain_text("failed authentication")
    booking = site.booking_of(email)
    assert (booking["status"], booking["amountPaid"]) == ("PENDING_PAYMENT", 0)
    assert len(site.intents_of(booking["id"])) == 1
    walk.pay(page, walk.SECURE_CARD)


def _load_calendar_file(page: Page, booking_id: str) -> None:
    with page.expect_download() as begun:
        page.get_by_role("link", name="Add to my calendar").click()
    text = Path(begun.value.path()).read_text("utf-8")
    assert begun.value.suggested_filename.endswith(".ics")
    assert "BEGIN:VEVENT" in text
    assert booking_id in text


def _link_from_mail(site: Site, email: str, reference: str) -> str:
    mail = site.mail(email, subject=reference)
    assert reference in mail["text"]
    assert [one["name"].endswith(".ics") for one in mail["attachments"]] == [True]
    return site.manage_link(mail)


def _open_link(visitor: Visitor, link: str) -> None:
    """The token leaves the address and lives on in a cookie for this path only."""
    page, address = visitor.page, link.partition("?")[0]
    visitor.context.clear_cookies()
    page.goto(link)
    expect(page).to_have_url(address)
    expect(page.get_by_text("Confirmed", exact=True)).to_be_visible()
    visitor.look("manage")
    page.reload()
    expect(page.get_by_text("Confirmed", exact=True)).to_be_visible()
    (cookie,) = visitor.context.cookies(address)
    assert cookie.get("httpOnly")
    assert address.endswith(cookie["path"])
    assert visitor.context.cookies(visitor.site.base_url) == []


def _move(visitor: Visitor, site: Site, before: dict[str, object]) -> None:
    page, booking_id = visitor.page, str(before["id"])
    page.get_by_role("link", name="Move to another time").click()
    walk.pick_next_week(page)
    day = walk.pick_day(page, 1)
    walk.pick_time(page, 3)
    visitor.look("reschedule", like="when")
    page.get_by_role("button", name="See the price of this time").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Move your booking?")
    expect(page.get_by_text(day).last).to_be_visible()
    assert site.booking(booking_id)["version"] == before["version"]
    visitor.look("reschedule-confirm")
    page.get_by_role("button", name="Move the booking").click()
    expect(page.get_by_role("heading", name="Your booking has been moved")).to_be_visible()
    visitor.look("manage-moved", like="manage-paid")
    after = site.booking(booking_id)
    assert after["scheduledDateTime"] > str(before["scheduledDateTime"])
    assert after["status"] == "CONFIRMED"
    assert site.timeline(booking_id).count("rescheduled") == 1


def _cancel(visitor: Visitor, site: Site, booking_id: str, email: str) -> None:
    page = visitor.page
    page.get_by_role("link", name="Cancel the booking").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cancel this booking?")
    # Reading about it has cancelled nothing.
    assert site.booking(booking_id)["status"] == "CONFIRMED"
    shown = walk.money_beside(page, "You get back")
    assert shown == "$42.50"
    visitor.look("cancel")
    page.get_by_role("button", name=f"Cancel and get {shown} back").click()
    expect(page.get_by_role("heading", name="Your booking has been cancelled")).to_be_visible()
    visitor.look("manage-cancelled")
    cancellation = site.booking(booking_id)["cancellation"]
    assert f"${cancellation['refundAmount']:.2f}" == shown
    assert cancellation["cancelledBy"] == "customer"
    until(lambda: site.refunded_cents(booking_id) == 4250, "the refund reaches the card")
    site.mail(email, subject="cancelled")
    until(lambda: site.booking(booking_id)["amountRefunded"] == 42.5, "the booking knows")
    page.reload()
    expect(page.get_by_text("$42.50 went back to your card.")).to_be_visible()


def _expect_summary(page: Page, text: str) -> None:
    """The summary of what is wrong has the focus and says this."""
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text(text)
    expect(page).to_have_title(re.compile("^Error: "))

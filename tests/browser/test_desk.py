"""Staff at the desk: signing in in two steps; a case; cash at the door; a waiver; a refund."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from hmnp.dev.totp import code_of, secret_in
from tests.browser import walk
from tests.browser.keys import tab_to
from tests.browser.site import Json, Site, until
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

STANDARD = "standard-notary"


@pytest.fixture
def clerk(browser: Browser, site: Site) -> Iterator[Visitor]:
    """A member of staff who has signed in."""
    with Visitor(browser, site) as person:
        for name in ("sessionid", "csrftoken"):
            value = site.staff.cookies[name]
            person.context.add_cookies([{"name": name, "value": value, "url": site.base_url}])
        yield person


@pytest.mark.parametrize("role", ["dispatcher", pytest.param("notary", marks=pytest.mark.night)])
def test_staff_sign_in_with_a_code_by_keyboard_alone(
    role: str, browser: Browser, site: Site
) -> None:
    with Visitor(browser, site) as person:
        page = person.page
        page.goto("/admin/")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to the desk")
        person.look("desk-sign-in")
        tab_to(page, "Username")
        page.keyboard.type(f"demo-{role}")
        tab_to(page, "Password")
        page.keyboard.type("houston-demo-2026")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Second step")
        # The password alone leads nowhere else.
        page.goto("/admin/bookings/booking/")
        expect(page.get_by_role("heading", level=1)).to_have_text("Second step")
        person.look("desk-second-step")
        tab_to(page, "Code")
        page.keyboard.type(code_of(secret_in(site.live.folder / "logins.txt"), at=time.time()))
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Today")
        expect(page).to_have_url(f"{site.base_url}/admin/")
        person.look(f"desk-today-{role}")
        listed = page.get_by_role("link", name="Payments", exact=True)
        expect(listed).to_have_count(1 if role == "dispatcher" else 0)


def _booked(site: Site, email: str, *, number: int) -> Json:
    start = site.starts(STANDARD, first_day=30, zip_code=walk.LEAGUE_CITY)[number]
    return site.book_unpaid(STANDARD, start=start, email=email, zip_code=walk.LEAGUE_CITY)


def _open_money(page: Page, booking: Json) -> None:
    page.goto(f"/admin/bookings/booking/{booking['id']}/change/")
    page.get_by_role("link", name="Payments and refunds").click()
    expect(page.get_by_role("heading", name=f"Money of {booking['reference']}")).to_be_visible()


def _expect_done(page: Page, words: str) -> None:
    expect(page.locator(".messagelist .success")).to_have_text(words)


def _sums(page: Page) -> dict[str, str]:
    rows = page.locator("dl.sums > div").all()
    return {row.locator("dt").inner_text(): row.locator("dd").inner_text() for row in rows}


def test_the_balance_is_taken_in_cash_and_the_refund_is_shown_before_the_click(
    clerk: Visitor, site: Site, email: str
) -> None:
    page = clerk.page
    booking = site.pay(_booked(site, email, number=3)["id"])
    _open_money(page, booking)
    assert _sums(page)["Left to pay"] == "$42.50"
    take = page.locator("form", has=page.get_by_role("heading", name="Take cash or a check"))
    expect(take.get_by_label("Amount in dollars")).to_have_value("42.50")
    take.get_by_label("Note").fill("at the door")
    take.get_by_role("button", name="Record the payment").click()
    _expect_done(page, "The payment is recorded.")
    sums = _sums(page)
    assert (sums["Paid"], sums["Due now"], sums["Left to pay"]) == ("$85.00", "$0.00", "$0.00")
    assert site.booking(booking["id"])["balanceDue"] == 0
    clerk.look("desk-money")
    # What goes back stands beside the button; the customer's own page says the same.
    cancel = page.locator("form", has=page.get_by_role("heading", name="Cancel the booking"))
    expect(cancel.get_by_role("row", name="By the customer")).to_contain_text("$85.00")
    cancel.get_by_label("The customer: the policy applies").check()
    cancel.get_by_label("Reason").fill("asked by phone")
    assert site.booking(booking["id"])["status"] == "CONFIRMED"
    cancel.get_by_role("button", name="Cancel the booking").click()
    _expect_done(page, "The booking is cancelled.")
    cancellation = site.booking(booking["id"])["cancellation"]
    assert (cancellation["fee"], cancellation["refundAmount"]) == (0, 85.0)
    clerk.look("desk-money-owed")
    _see_to_the_case(clerk, site, booking)


def _see_to_the_case(clerk: Visitor, site: Site, booking: Json) -> None:
    """The cash must go back by hand: a case says so until somebody has done it."""
    page = clerk.page
    page.get_by_role("link", name="Open case").click()
    clerk.look("desk-case")
    expect(page.locator("main")).to_contain_text("Give the cash or the check back")
    page.get_by_role("button", name="I see to it").click()
    _expect_done(page, "Refund not covered: You see to it.")
    expect(page.locator("main")).to_contain_text("staff, ")
    page.get_by_role("link", name="The booking's money").click()
    row = page.get_by_role("row", name="by hand")
    row.get_by_label("How it was given").fill("in an envelope")
    row.get_by_role("button", name="Given by hand").click()
    _expect_done(page, "The refund is recorded as given by hand.")
    expect(page.get_by_role("link", name="Open case")).to_have_count(0)
    until(lambda: site.booking(booking["id"])["amountRefunded"] == 85.0, "card and cash are back")


@pytest.mark.night
def test_what_is_due_is_waived_with_a_reason_and_a_case_is_closed_in_words(
    clerk: Visitor, site: Site, email: str
) -> None:
    page = clerk.page
    booking = _booked(site, email, number=8)
    _open_money(page, booking)
    waive = page.locator("form", has=page.get_by_role("heading", name="Waive the amount due now"))
    waive.get_by_role("button", name="Waive and confirm").click()
    # The browser itself asks for a reason.
    expect(waive.locator("input:invalid")).to_have_count(1)
    assert site.booking(booking["id"])["status"] == "PENDING_PAYMENT"
    waive.get_by_label("Reason").fill("a regular partner")
    waive.get_by_role("button", name="Waive and confirm").click()
    _expect_done(page, "The booking stands; all of the price is in the balance.")
    after = site.booking(booking["id"])
    assert (after["status"], after["amountDue"], after["balanceDue"]) == ("CONFIRMED", 0, 85.0)
    site.open_case(booking, kind="DISPUTE", repair="answer_at_stripe")
    page.goto("/admin/desk/case/")
    clerk.look("desk-cases")
    row = page.get_by_role("row", name=booking["reference"])
    row.get_by_role("link", name="Dispute").click()
    page.get_by_label("How it was decided").fill("Answered at Stripe with the signed receipt")
    page.get_by_role("button", name="Close the case").click()
    _expect_done(page, "Dispute: Closed.")
    expect(page.locator("main")).to_contain_text("Answered at Stripe with the signed")
    page.goto("/admin/desk/case/")
    expect(page.get_by_role("row", name=booking["reference"])).to_have_count(0)

"""Everything but the card field works without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import walk
from tests.browser.site import Site
from tests.browser.visitor import Visitor
from tests.browser.walk import Customer

pytestmark = pytest.mark.browser


@pytest.fixture
def plain(browser: Browser, site: Site) -> Iterator[Visitor]:
    """A person whose browser runs no scripts."""
    with Visitor(browser, site, java_script_enabled=False) as person:
        yield person


def test_the_whole_way_works_without_javascript(plain: Visitor, site: Site, email: str) -> None:
    page = plain.page
    walk.choose_service(page, walk.STANDARD)
    page.get_by_role("button", name="Show times and price").click()
    expect(page.get_by_role("alert")).to_contain_text("Give the ZIP code")
    walk.show_times(page, zip_code=walk.LEAGUE_CITY)
    page.get_by_role("button", name="Keep this time and continue").click()
    # The browser itself asks for a time to be chosen.
    expect(page.locator("#times input:invalid").first).to_be_attached()
    walk.pick_next_week(page)
    walk.pick_day(page, 4)
    walk.pick_time(page, 5)
    walk.keep(page)
    page.get_by_role("button", name="Continue to payment").last.click()
    # The summary takes the focus without a script, too.
    expect(page.get_by_role("alert")).to_be_focused()
    walk.type_details(page, Customer(email), is_mobile=True)
    walk.send_details(page)
    # Playwright takes the words in a noscript for no text.
    assert "The card field needs JavaScript" in (page.locator("noscript").text_content() or "")
    booking = site.booking_of(email)
    assert booking["status"] == "PENDING_PAYMENT"
    site.pay(booking["id"])
    page.reload()
    assert walk.expect_booked(page) == booking["reference"]
    plain.context.clear_cookies()
    _find(page, reference="HM-ZZZZZZ", contact=email)
    _find(page, reference=booking["reference"].lower(), contact=email)
    page.goto(site.manage_link(site.mail(email, subject="link")))
    _move_and_cancel(page)
    assert site.booking(booking["id"])["status"] == "CANCELLED"


def _find(page: Page, *, reference: str, contact: str) -> None:
    """Ask for a link; the answer is the same whether anything fits."""
    page.goto("/")
    page.get_by_role("banner").get_by_role("link", name="Find my booking").click()
    page.get_by_label("Reference").fill(reference)
    page.get_by_label("E-mail or phone").fill(contact)
    page.get_by_role("button", name="Send me the link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
    expect(page.get_by_text(reference)).to_have_count(0)


def _move_and_cancel(page: Page) -> None:
    expect(page).to_have_url(re.compile(r"/manage/[0-9a-f-]+$"))
    page.get_by_role("link", name="Move to another time").click()
    walk.pick_next_week(page)
    walk.pick_day(page, 3)
    walk.pick_time(page, 6)
    page.get_by_role("button", name="See the price of this time").click()
    page.get_by_role("button", name="Move the booking").click()
    expect(page.get_by_role("heading", name="Your booking has been moved")).to_be_visible()
    page.get_by_role("link", name="Cancel the booking").click()
    page.get_by_role("button", name="Cancel and get $42.50 back").click()
    expect(page.get_by_role("heading", name="Your booking has been cancelled")).to_be_visible()

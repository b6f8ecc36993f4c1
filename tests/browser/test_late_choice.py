"""Money that came when its time was gone: three others are kept, and one click takes one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import walk
from tests.browser.keys import tab_to
from tests.browser.site import Json, Site, until
from tests.browser.visitor import Visitor
from tests.browser.walk import Customer

pytestmark = pytest.mark.browser

STANDARD = "standard-notary"
KEPT = """
    SELECT starts_at FROM bookings_slotclaim
    WHERE holder_key = %s AND state = 'HELD' ORDER BY starts_at
"""
CHOOSE = "Please choose another time"


@pytest.fixture
def plain(browser: Browser, site: Site) -> Iterator[Visitor]:
    """A person whose browser runs no scripts."""
    with Visitor(browser, site, java_script_enabled=False) as person:
        yield person


def _kept(site: Site, booking: Json) -> list[datetime]:
    return [row[0] for row in site.rows(KEPT, f"late:{booking['id']}")]


def _pay_too_late(site: Site, email: str) -> Json:
    """Book and pay at the API, with the time lost in between."""
    start = site.starts(STANDARD, first_day=28, zip_code=walk.LEAGUE_CITY)[5]
    booking = site.book_unpaid(STANDARD, start=start, email=email, zip_code=walk.LEAGUE_CITY)
    with site.without_webhooks():
        intent = site.open_intent(booking["id"])
        site.lose_the_time(STANDARD, booking, zip_code=walk.LEAGUE_CITY)
        late = site.pay_intent(booking["id"], intent)
    assert (late["status"], late["amountPaid"]) == ("EXPIRED", 42.5)
    return late


def _expect_chosen(page: Page, site: Site, booking: Json, start: datetime) -> None:
    expect(page.get_by_role("heading", name="You are booked")).to_be_visible()
    expect(page.get_by_text("Confirmed", exact=True)).to_be_visible()
    after = site.booking(booking["id"])
    assert (after["status"], after["amountPaid"], after["balanceDue"]) == ("CONFIRMED", 42.5, 42.5)
    assert datetime.fromisoformat(after["scheduledDateTime"]) == start
    assert _kept(site, booking) == [], "the two not chosen are free again"


def test_who_pays_too_late_is_led_to_three_times_and_books_one_with_one_click(
    visitor: Visitor, site: Site, email: str
) -> None:
    page = visitor.page
    with site.without_webhooks():
        walk.book_to_payment(page, Customer(email), service=walk.STANDARD, day=1, weeks=2)
        booking = site.booking_of(email)
        walk.card_field(page)
        site.lose_the_time(STANDARD, booking, zip_code=walk.LEAGUE_CITY)
        walk.pay(page, walk.GOOD_CARD)
        expect(page.get_by_role("heading", level=1)).to_have_text(CHOOSE)
    expect(page.get_by_text(re.compile("We keep these times for you until"))).to_be_visible()
    visitor.look("late-choice")
    mail = site.mail(email, subject="choose another time")
    mailed = re.findall(r"^- (.+ Central)$", mail["text"], re.MULTILINE)
    offered = page.locator("button[name=time]")
    expect(offered).to_have_count(3)
    for button, words in zip(offered.all(), mailed, strict=True):
        expect(button).to_have_accessible_name(f"Book {words}")
    kept = _kept(site, booking)
    offered.nth(1).click()
    _expect_chosen(page, site, booking, kept[1])
    visitor.look("late-chosen", like="manage-paid")
    site.mail(email, subject=booking["reference"])


@pytest.mark.night
def test_the_link_in_the_mail_is_enough_without_a_mouse_or_a_script(
    plain: Visitor, site: Site, email: str
) -> None:
    page = plain.page
    booking = _pay_too_late(site, email)
    kept = _kept(site, booking)
    page.goto(site.manage_link(site.mail(email, subject="choose another time")))
    expect(page.get_by_role("heading", level=1)).to_have_text(CHOOSE)
    assert _kept(site, booking) == kept, "reading takes nothing"
    tab_to(page, "Book")
    tab_to(page, "Book")
    tab_to(page, "Book")
    page.keyboard.press("Enter")
    _expect_chosen(page, site, booking, kept[2])
    page.go_back()
    page.reload()
    expect(page.get_by_role("heading", name="You are booked")).to_be_visible()


@pytest.mark.night
def test_who_wants_none_of_them_has_all_of_it_back(
    phone_user: Visitor, site: Site, email: str
) -> None:
    page = phone_user.page
    booking = _pay_too_late(site, email)
    page.goto(site.manage_link(site.mail(email, subject="choose another time")))
    page.get_by_role("button", name="Give my money back").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your money is on its way back")
    phone_user.look("late-declined")
    assert _kept(site, booking) == []
    site.ring("payments.sweep")
    until(lambda: site.refunded_cents(booking["id"]) == 4250, "all of it reaches the card")

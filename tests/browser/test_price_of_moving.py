"""A move to a dearer day, the balance paid, and back: what is shown is what happens."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from playwright.sync_api import Page, expect

from tests.browser import walk
from tests.browser.site import HOUSTON, Site, until
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

EXTENDED = "extended-hours"


@pytest.mark.night
def test_a_dearer_day_shows_the_difference_and_a_cheaper_one_gives_it_back(
    visitor: Visitor, site: Site, email: str
) -> None:
    page = visitor.page
    start = _ordinary_start(site)
    booking = site.book(EXTENDED, start=start, email=email, zip_code=walk.LEAGUE_CITY)
    assert (booking["amountPaid"], booking["balanceDue"]) == (62.5, 62.5)
    page.goto(site.manage_link(site.mail(email, subject=booking["reference"])))
    _show_price(page, re.compile("^Sat"), time=2)
    expect(page.get_by_role("heading", name="$40.00 more")).to_be_visible()
    assert walk.money_beside(page, "Total") == "$165.00"
    visitor.look("reschedule-dearer", like="reschedule-confirm")
    page.get_by_role("button", name="Move the booking").click()
    assert site.booking(booking["id"])["balanceDue"] == 102.5
    _pay_balance(visitor, site, booking["id"])
    _move_back(page, start)
    after = until(lambda: _refunded(site, booking["id"]), "the difference goes back to the card")
    assert (after["amountPaid"], after["amountRefunded"], after["balanceDue"]) == (165.0, 40.0, 0)
    site.mail(email, subject="We have sent $40.00 back")


def _ordinary_start(site: Site) -> str:
    """Find a time two days from now at the earliest that costs nothing extra."""
    for start in site.starts(EXTENDED, first_day=3, zip_code=walk.LEAGUE_CITY):
        query = {
            "serviceId": site.service(EXTENDED)["id"],
            "scheduledDateTime": start,
            "zip": walk.LEAGUE_CITY,
        }
        price = site.http.get("/api/v2/services/pricing", params=query).json()
        if price["finalPrice"] == 125.0:
            return start
    raise AssertionError("an ordinary day within a fortnight")


def _show_price(page: Page, day: re.Pattern[str], *, time: int) -> None:
    page.get_by_role("link", name="Move to another time").click()
    walk.pick_next_week(page)
    page.locator("#times li").get_by_role("link", name=day).click()
    expect(page.locator("#times-title")).to_contain_text(re.compile("^Saturday"))
    walk.pick_time(page, time)
    page.get_by_role("button", name="See the price of this time").click()


def _pay_balance(visitor: Visitor, site: Site, booking_id: str) -> None:
    page = visitor.page
    page.get_by_role("link", name="Pay the balance of $102.50").click()
    field = walk.card_field(page)
    visitor.look("pay-balance")
    # At nightfall the card field changes with the page.
    page.emulate_media(color_scheme="dark")
    expect(field.locator("html")).to_have_attribute("data-theme", "night")
    walk.pay(page, walk.GOOD_CARD)
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    visitor.look("manage-paid")
    booking = site.booking(booking_id)
    assert (booking["amountPaid"], booking["balanceDue"]) == (165.0, 0)


def _move_back(page: Page, start: str) -> None:
    """Back to the time it was, which is free again."""
    local = datetime.fromisoformat(start).astimezone(HOUSTON)
    page.get_by_role("link", name="Move to another time").click()
    walk.pick_date(page, local.date())
    page.locator(f'input[value="{local.isoformat()}"]').check()
    page.get_by_role("button", name="See the price of this time").click()
    expect(page.get_by_role("heading", name="$40.00 less")).to_be_visible()
    assert walk.money_beside(page, "Goes back to your card") == "$40.00"
    page.get_by_role("button", name="Move the booking").click()
    expect(page.get_by_role("heading", name="Your booking has been moved")).to_be_visible()


def _refunded(site: Site, booking_id: str) -> dict[str, object] | None:
    booking = site.booking(booking_id)
    return booking if booking["amountRefunded"] else None

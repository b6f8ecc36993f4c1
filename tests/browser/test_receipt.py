"""The receipt: itemised, what the law sets apart, right after every movement, one page of paper."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import walk
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

STANDARD = "standard-notary"
# One object per sheet in what Chromium prints; `/Pages` is the list of them.
SHEET = re.compile(rb"/Type\s*/Page\b(?!s)")


def _amounts(page: Page, section: str) -> list[tuple[str, str]]:
    rows = page.get_by_role("region", name=section).locator("dl.prices > div").all()
    return [
        (row.locator("dt").inner_text().splitlines()[0], row.locator("dd").inner_text())
        for row in rows
    ]


def test_it_itemises_price_and_payments_and_prints_on_one_page(
    visitor: Visitor, site: Site, email: str
) -> None:
    page = visitor.page
    start = site.starts(STANDARD, first_day=32, zip_code=walk.LEAGUE_CITY)[6]
    booking = site.book(STANDARD, start=start, email=email, zip_code=walk.LEAGUE_CITY)
    for dollars, note in (
        ("20.00", "at the door"),
        ("12.50", "the rest"),
        ("10.00", "the very rest"),
    ):
        site.take_cash(booking["id"], dollars=dollars, note=note)
    page.goto(site.manage_link(site.mail(email, subject=booking["reference"])))
    page.get_by_role("link", name="Receipt").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Receipt")
    price = page.get_by_role("region", name="Price")
    law, ours = price.get_by_role("heading", level=3).all()
    expect(law).to_have_text("Set by Texas law")
    expect(ours).to_have_text("Our service")
    assert _amounts(page, "Price") == [
        ("Notarial act, set by law", "$10.00"),
        ("Standard Mobile Notary: service fee", "$75.00"),
        ("Total", "$85.00"),
    ]
    assert _amounts(page, "Payments") == [
        ("Paid by card", "$42.50"),
        ("Paid in cash", "$20.00"),
        ("Paid in cash", "$12.50"),
        ("Paid in cash", "$10.00"),
        ("Paid in all", "$85.00"),
        ("Left to pay", "$0.00"),
    ]
    visitor.look("receipt")
    # On paper only the receipt itself, dark on white whatever the screen was.
    page.emulate_media(media="print", color_scheme="dark")
    for part in (page.get_by_role("banner").get_by_role("navigation"), page.locator("footer")):
        expect(part).to_be_hidden()
    expect(page.get_by_role("link", name="Your booking")).to_be_hidden()
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    for painted in (page.locator("body"), page.locator(".card").first):
        expect(painted).to_have_css("background-color", "rgb(255, 255, 255)")
        expect(painted).to_have_css("color", "rgb(0, 0, 0)")
    visitor.photograph("receipt-print")
    assert len(SHEET.findall(page.pdf(format="Letter"))) == 1

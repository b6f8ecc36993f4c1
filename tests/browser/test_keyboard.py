"""From the home page to the card field by Tab, Enter, Space and the arrow keys alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import walk
from tests.browser.keys import FOCUSED, tab_to
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("who", ["visitor", "phone_user"])
def test_a_booking_needs_no_mouse(
    who: str, request: pytest.FixtureRequest, site: Site, email: str
) -> None:
    person: Visitor = request.getfixturevalue(who)
    page = person.page
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "Skip to the content"
    page.keyboard.press("Enter")
    tab_to(page, walk.REMOTE)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(walk.REMOTE)
    tab_to(page, "Choose a time")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Pick a day")).to_be_visible()
    tab_to(page, "Later days")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Earlier days")).to_be_visible()
    # The first tab stop of the radios is one of them; Space chooses it, an arrow the next.
    tab_to(page, "Central")
    page.keyboard.press("Space")
    first = page.evaluate(FOCUSED)
    page.keyboard.press("ArrowRight")
    chosen = page.evaluate(FOCUSED)
    assert chosen != first
    expect(page.get_by_role("radio", checked=True)).to_have_accessible_name(chosen)
    tab_to(page, "Keep this time and continue")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your details")
    for label, text in (("Full name", "Ana Ruiz"), ("E-mail", email), ("Phone", "7135550188")):
        tab_to(page, label)
        page.keyboard.type(text)
    tab_to(page, "I accept the terms")
    page.keyboard.press("Space")
    tab_to(page, "Continue to payment")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Review and pay")
    assert site.booking_of(email)["status"] == "PENDING_PAYMENT"

"""From the home page to the card field by Tab, Enter, Space and the arrow keys alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser import walk
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

# The name a screen reader would say, near enough: label, own text or the alternative.
FOCUSED = """() => {
    const one = document.activeElement;
    const label = one.labels && one.labels.length ? one.labels[0].textContent : '';
    return one.getAttribute('aria-label') || label || one.textContent || '';
}"""
# The ring may lie on the control, on its label, or on the card whose link it is.
HAS_RING = """() => {
    const one = document.activeElement;
    const styles = [getComputedStyle(one), getComputedStyle(one, '::after')];
    if (one.nextElementSibling) { styles.push(getComputedStyle(one.nextElementSibling)); }
    return styles.some((style) => style.outlineStyle === 'solid' && style.outlineWidth === '3px');
}"""
OUT_OF_VIEW = """() => {
    const box = document.activeElement.getBoundingClientRect();
    const bar = document.querySelector('.bottom-bar');
    const isBar = bar && bar.contains(document.activeElement);
    const covers = bar && !isBar && bar.getClientRects().length > 0;
    const floor = covers ? Math.min(innerHeight, bar.getBoundingClientRect().top) : innerHeight;
    return box.top < floor && box.bottom > 0 ? '' : `${box.top} to ${box.bottom} of ${floor}`;
}"""
MOST_TABS = 60


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
    _tab_to(page, walk.REMOTE)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(walk.REMOTE)
    _tab_to(page, "Choose a time")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Pick a day")).to_be_visible()
    _tab_to(page, "Later days")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Earlier days")).to_be_visible()
    # The first tab stop of the radios is one of them; Space chooses it, an arrow the next.
    _tab_to(page, "Central")
    page.keyboard.press("Space")
    first = page.evaluate(FOCUSED)
    page.keyboard.press("ArrowRight")
    chosen = page.evaluate(FOCUSED)
    assert chosen != first
    expect(page.get_by_role("radio", checked=True)).to_have_accessible_name(chosen)
    _tab_to(page, "Keep this time and continue")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your details")
    for label, text in (("Full name", "Ana Ruiz"), ("E-mail", email), ("Phone", "7135550188")):
        _tab_to(page, label)
        page.keyboard.type(text)
    _tab_to(page, "I accept the terms")
    page.keyboard.press("Space")
    _tab_to(page, "Continue to payment")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Review and pay")
    assert site.booking_of(email)["status"] == "PENDING_PAYMENT"


def _tab_to(page: Page, name: str) -> None:
    """Press Tab until this has the focus; whatever has it on the way is marked and in view."""
    passed = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        focused = " ".join(page.evaluate(FOCUSED).split())
        assert page.evaluate(HAS_RING), f"no ring on {focused!r}"
        hidden = page.evaluate(OUT_OF_VIEW)
        assert not hidden, f"{focused!r} is at {hidden}"
        if name in focused:
            return
        passed.append(focused)
    raise AssertionError(f"{name!r} is not reached by Tab: {passed}")

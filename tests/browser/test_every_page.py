"""The pages nobody books on, and the ones shown when something is not there."""

from __future__ import annotations

import uuid

import pytest
from playwright.sync_api import expect

from tests.browser import walk
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

PAGES = {
    "home": "/",
    "service": "/services/standard-notary/",
    "service-remote": "/services/ron/",
    "fees": "/fees/",
    "terms": "/terms/",
    "privacy": "/privacy/",
    "find": "/find/",
    "find-sent": "/find/sent/",
}
ABSENT = {
    "error-404": ("/nowhere/", "There is no page at this address"),
    "service-unknown": ("/services/none/", "There is no page at this address"),
    "no-hold": ("/book/standard-notary/details/", "No time is being kept for you"),
    "nothing-to-pay": ("/book/pay/", "There is no booking to pay for here"),
    "link-over": (f"/manage/{uuid.UUID(int=1)}?token=forged", "This link does not open a booking"),
    "no-cookie": (f"/manage/{uuid.UUID(int=1)}", "This link does not open a booking"),
}


@pytest.mark.parametrize("name", PAGES)
def test_it_is_sound(visitor: Visitor, name: str) -> None:
    answer = visitor.page.goto(PAGES[name])
    assert answer is not None
    assert answer.status == 200
    expect(visitor.page.get_by_role("heading", level=1)).to_have_count(1)
    visitor.look(name)


@pytest.mark.parametrize("name", ABSENT)
def test_what_is_not_there_says_so(visitor: Visitor, name: str) -> None:
    path, heading = ABSENT[name]
    answer = visitor.page.goto(path)
    assert answer is not None
    assert answer.status == 404
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(heading)
    visitor.look(name)


def test_finding_asks_for_what_is_missing(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/find/")
    page.get_by_role("button", name="Send me the link").click()
    expect(page.get_by_role("alert")).to_be_focused()
    visitor.look("find-wrong")


def test_a_forged_form_is_refused(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/find/")
    page.get_by_label("Reference").fill("HM-AAAAAA")
    page.get_by_label("E-mail or phone").fill("a@example.com")
    visitor.context.clear_cookies()
    page.get_by_role("button", name="Send me the link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This could not be done")
    visitor.look("error-403")


def test_a_price_is_shown_in_houstons_time_wherever_the_browser_is(
    visitor: Visitor, site: Site
) -> None:
    """The browser is in New York; the times are Houston's, as the API gives them."""
    page = visitor.page
    walk.choose_service(page, walk.REMOTE)
    walk.pick_day(page, 4)
    shown = [option.input_value() for option in walk.times(page).all()]
    free = site.starts("ron", first_day=0)
    assert shown == [start for start in free if start[:10] == shown[0][:10]]
    expect(page.get_by_text("Times are Central time.")).to_be_visible()

"""The pages nobody books on, and the ones shown when something is not there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

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
# Pages of the same name are one template: looked at once.
ABSENT = [
    ("error-404", "/nowhere/", "There is no page at this address"),
    ("error-404", "/services/none/", "There is no page at this address"),
    ("no-hold", "/book/standard-notary/details/", "No time is being kept for you"),
    ("no-hold", "/book/pay/", "There is no booking to pay for here"),
    ("link-over", f"/manage/{uuid.UUID(int=1)}?token=forged", "This link does not open a booking"),
    ("link-over", f"/manage/{uuid.UUID(int=1)}/receipt", "This link does not open a booking"),
]


@pytest.fixture(scope="module")
def _one_reader(browser: Browser, site: Site) -> Iterator[Visitor]:
    with Visitor(browser, site) as person:
        yield person


@pytest.fixture
def reader(_one_reader: Visitor) -> Iterator[Visitor]:
    """A person who has nothing with us yet; one window for all that only read."""
    _one_reader.context.clear_cookies()
    yield _one_reader
    _one_reader.answer_for_faults()


@pytest.mark.parametrize("name", PAGES)
def test_it_is_sound(reader: Visitor, name: str) -> None:
    answer = reader.page.goto(PAGES[name])
    assert answer is not None
    assert answer.status == 200
    expect(reader.page.get_by_role("heading", level=1)).to_have_count(1)
    reader.look(name, like="service" if name == "service-remote" else "")


@pytest.mark.parametrize(("name", "path", "heading"), ABSENT)
def test_what_is_not_there_says_so(reader: Visitor, name: str, path: str, heading: str) -> None:
    answer = reader.page.goto(path)
    assert answer is not None
    assert answer.status == 404
    expect(reader.page.get_by_role("heading", level=1)).to_have_text(heading)
    reader.look(name)


def test_finding_asks_for_what_is_missing(reader: Visitor) -> None:
    page = reader.page
    page.goto("/find/")
    page.get_by_role("button", name="Send me the link").click()
    expect(page.get_by_role("alert")).to_be_focused()
    reader.look("find-wrong")


def test_a_forged_form_is_refused(reader: Visitor) -> None:
    page = reader.page
    page.goto("/find/")
    page.get_by_label("Reference").fill("HM-AAAAAA")
    page.get_by_label("E-mail or phone").fill("a@example.com")
    reader.context.clear_cookies()
    page.get_by_role("button", name="Send me the link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This could not be done")
    reader.look("error-403")


def test_a_price_is_shown_in_houstons_time_wherever_the_browser_is(
    reader: Visitor, site: Site
) -> None:
    """The browser is in New York; the times are Houston's, as the API gives them."""
    page = reader.page
    walk.open_times(page, walk.REMOTE)
    walk.pick_day(page, 4)
    shown = [option.input_value() for option in walk.times(page).all()]
    free = site.starts("ron", first_day=0)
    assert shown == [start for start in free if start[:10] == shown[0][:10]]
    expect(page.get_by_text("Times are Central time.")).to_be_visible()

"""A time that somebody else takes, and one that was kept for too long."""

from __future__ import annotations

import re
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from tests.browser import walk
from tests.browser.site import Site, until
from tests.browser.visitor import Visitor
from tests.browser.walk import Customer

pytestmark = pytest.mark.browser

STANDARD = "standard-notary"
END_HOLD = """
    UPDATE bookings_slotclaim
    SET expires_at = clock_timestamp() - interval '1 s', max_expires_at = clock_timestamp()
    WHERE starts_at = %s AND customer_zip = %s AND state IN ('HELD', 'PAYING')
"""
END_BOOKING = """
    UPDATE bookings_booking SET expires_at = clock_timestamp() - interval '1 s'
    WHERE customer_email = %s
"""


def test_a_time_taken_meanwhile_offers_the_three_next_ones(
    visitor: Visitor, site: Site, email: str
) -> None:
    page = visitor.page
    walk.open_times(page, walk.STANDARD)
    walk.show_times(page, zip_code=walk.LEAGUE_CITY)
    walk.pick_next_week(page)
    walk.pick_day(page, 0)
    start = walk.pick_time(page, 4)
    taken = site.take_all(STANDARD, start=start, zip_code=walk.LEAGUE_CITY)
    assert taken == 2, "both notaries were free"
    page.get_by_role("button", name="Keep this time and continue").click()
    problem = page.get_by_role("alert")
    expect(problem).to_be_focused()
    expect(problem).to_contain_text("This time has just been taken")
    expect(problem).to_contain_text("Nothing has been booked or paid.")
    expect(problem.get_by_role("radio")).to_have_count(3)
    visitor.look("when-taken", like="details-taken")
    second = problem.get_by_role("radio").nth(1)
    second.check()
    other = second.input_value()
    assert other != start
    problem.get_by_role("button", name="Keep this time and continue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your details")
    walk.type_details(page, Customer(email), is_mobile=True)
    walk.send_details(page)
    walk.pay(page, walk.GOOD_CARD)
    walk.expect_booked(page)
    assert site.booking_of(email)["scheduledDateTime"] == other


@pytest.mark.night
def test_a_hold_that_ran_out_is_claimed_again_when_the_time_is_still_free(
    visitor: Visitor, site: Site, email: str
) -> None:
    page = visitor.page
    page.clock.install()
    start = _hold(page, day=1)
    walk.type_details(page, Customer(email), is_mobile=True)
    page.clock.fast_forward("04:10")
    expect(page.get_by_text("less than a minute left").first).to_be_visible()
    page.clock.fast_forward("01:00")
    expect(page.get_by_text("The time we kept for you has ended.").first).to_be_visible()
    visitor.look("details-hold-over")
    site.rows(END_HOLD, start, walk.LEAGUE_CITY)
    walk.send_details(page)
    # While somebody pays, the time is kept for longer.
    expect(page.get_by_text(re.compile("1[45] minutes left"))).to_be_visible()
    assert site.booking_of(email)["scheduledDateTime"] == start


@pytest.mark.night
def test_a_hold_that_ran_out_and_was_taken_offers_others_and_keeps_what_was_typed(
    visitor: Visitor, site: Site, email: str
) -> None:
    page = visitor.page
    start = _hold(page, day=2)
    walk.type_details(page, Customer(email), is_mobile=True)
    site.rows(END_HOLD, start, walk.LEAGUE_CITY)
    assert site.take_all(STANDARD, start=start, zip_code=walk.LEAGUE_CITY) == 2
    page.get_by_role("button", name="Continue to payment").last.click()
    problem = page.get_by_role("alert")
    expect(problem).to_be_focused()
    expect(problem.get_by_role("radio")).to_have_count(3)
    expect(page.get_by_label("E-mail")).to_have_value(email)
    expect(page.get_by_label("Street and number")).to_have_value("2500 Marina Bay Drive")
    visitor.look("details-taken")
    assert site.bookings_of(email) == []
    third = problem.get_by_role("radio").nth(2)
    third.check()
    other = third.input_value()
    page.get_by_role("checkbox", name="I accept the terms").check()
    walk.send_details(page)
    assert site.booking_of(email)["scheduledDateTime"] == other


@pytest.mark.night
def test_a_booking_not_paid_in_time_is_let_go_and_the_page_says_so(
    visitor: Visitor, site: Site, email: str
) -> None:
    page = visitor.page
    start = _hold(page, day=3)
    walk.type_details(page, Customer(email), is_mobile=True)
    walk.send_details(page)
    walk.card_field(page)
    site.rows(END_HOLD, start, walk.LEAGUE_CITY)
    site.rows(END_BOOKING, email)
    site.ring("payments.sweep")
    until(lambda: site.booking_of(email)["status"] == "EXPIRED", "the sweeper lets the time go")
    walk.type_card(page, walk.GOOD_CARD)
    walk.pay_button(page).click()
    # Stripe has cancelled the intent: the card is not charged whatever the page still shows.
    expect(page.locator("[data-pay-error]")).not_to_be_empty()
    (intent,) = site.intents_of(site.booking_of(email)["id"])
    assert (intent["status"], intent["amount_received"]) == ("canceled", 0)
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("The time we kept for you has ended")
    expect(page.get_by_text("You have not been charged.")).to_be_visible()
    visitor.look("pay-over")
    page.get_by_role("link", name="Pick a new time").click()
    expect(page.get_by_label("ZIP code")).to_have_value(walk.LEAGUE_CITY)
    walk.pick_date(page, date.fromisoformat(start[:10]))
    expect(page.locator(f'#times input[value="{start}"]')).to_have_count(1)


def _hold(page: Page, *, day: int) -> str:
    """Hold a time of next week as far as the details page."""
    walk.open_times(page, walk.STANDARD)
    walk.show_times(page, zip_code=walk.LEAGUE_CITY)
    walk.pick_next_week(page)
    walk.pick_day(page, day)
    start = walk.pick_time(page, 1)
    walk.keep(page)
    return start

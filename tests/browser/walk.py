"""The steps of a customer, by what is read on the page and not by how it is built."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

from playwright.sync_api import FrameLocator, Locator, Page, expect

GOOD_CARD = "4242 4242 4242 4242"
DECLINED_CARD = "4000 0000 0000 0002"
SECURE_CARD = "4000 0025 0000 3155"

STANDARD, REMOTE = "Standard Mobile Notary", "Remote Online Notarization"
SLUGS = {STANDARD: "standard-notary", REMOTE: "ron"}
LEAGUE_CITY = "77573"


@dataclass
class Customer:
    """What a person types."""

    email: str
    name: str = "Ana María Ruiz"
    phone: str = "(713) 555-0188"
    street: str = "2500 Marina Bay Drive"
    city: str = "League City"


def choose_service(page: Page, name: str) -> None:
    """Go from the home page to the times of a service."""
    page.goto("/")
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.get_by_role("link", name="Choose a time").click()


def open_times(page: Page, service: str) -> None:
    """Begin at the times of a service, for a test that is about what comes after."""
    page.goto(f"/book/{SLUGS[service]}/when/")


def show_times(page: Page, *, zip_code: str) -> None:
    """Say where, and see the days."""
    page.get_by_label("ZIP code").fill(zip_code)
    page.get_by_role("button", name="Show times and price").click()
    expect(page.get_by_role("heading", name="Pick a day")).to_be_visible()


def free_days(page: Page) -> Locator:
    """Give the days on which something is free."""
    return page.locator("#times li").get_by_role("link", name=re.compile(r"\d+ free"))


def pick_day(page: Page, number: int) -> str:
    """Choose the n-th free day of the week shown, from 0; give its name."""
    day = free_days(page).nth(number)
    # A day chosen again would come anew, under the hands of whoever picks a time meanwhile.
    if day.get_attribute("aria-current") is None:
        day.click()
        # The times come without the page being loaded anew, so there is no load to wait for.
        expect(day).to_have_attribute("aria-current", "date")
    return page.locator("#times-title").inner_text()


def pick_date(page: Page, day: date) -> None:
    """Choose a day by its date, in this week or the next."""
    link = page.locator(f'#times li a[href*="day={day.isoformat()}"]')
    if not link.count():
        pick_next_week(page)
    link.click()
    expect(link).to_have_attribute("aria-current", "date")


def pick_day_at(page: Page, total: str, *, first: int = 2) -> str:
    """Choose the first free day of the week shown that costs this, from the n-th on; name it.

    The third day is at least 24 hours away, so that moving and cancelling are free; a public
    holiday costs more.
    """
    for number in range(first, free_days(page).count()):
        day = pick_day(page, number)
        if money_beside(page, "Total") == total:
            return day
    raise AssertionError(f"no day of this week costs {total}")


def pick_next_week(page: Page) -> None:
    """Show the seven days after these."""
    first = page.locator("#times li a").first
    address = first.get_attribute("href") or ""
    page.get_by_role("link", name="Later days").click()
    expect(first).not_to_have_attribute("href", address)


def times(page: Page) -> Locator:
    """Give the times to choose from."""
    return page.locator("#times").get_by_role("radio")


def pick_time(page: Page, number: int) -> str:
    """Choose the n-th time of the day, from 0; give its start as the form sends it."""
    option = times(page).nth(number)
    option.check()
    return option.input_value()


def pick_time_between(page: Page, earliest: datetime, latest: datetime) -> datetime:
    """Choose the first time from `earliest` to `latest`, on whichever of the days shown it is."""
    for number in range(free_days(page).count()):
        pick_day(page, number)
        for option in times(page).all():
            start = datetime.fromisoformat(option.input_value())
            if earliest <= start <= latest:
                option.check()
                return start
    raise AssertionError(f"no time from {earliest} to {latest}")


def keep(page: Page) -> None:
    """Hold the chosen time."""
    page.get_by_role("button", name="Keep this time and continue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your details")


def type_details(page: Page, customer: Customer, *, is_mobile: bool) -> None:
    """Fill in who and where, and agree."""
    page.get_by_label("Full name").fill(customer.name)
    page.get_by_label("E-mail", exact=False).first.fill(customer.email)
    page.get_by_label("Phone").fill(customer.phone)
    if is_mobile:
        page.get_by_label("Street and number").fill(customer.street)
        page.get_by_label("City").fill(customer.city)
    page.get_by_role("checkbox", name="I accept the terms").check()


def send_details(page: Page) -> None:
    """Book the held time."""
    page.get_by_role("button", name="Continue to payment").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Review and pay")


def card_field(page: Page) -> FrameLocator:
    """Give the card field once it can be typed in."""
    field = page.frame_locator("[data-pay-element] iframe")
    expect(field.get_by_label("Card number")).to_be_visible()
    return field


def type_card(page: Page, number: str) -> None:
    """Type a card into Stripe's field."""
    field = card_field(page)
    for label, text in (
        ("Card number", number),
        ("Expiration", "12 / 40"),
        ("CVC", "123"),
        ("ZIP", LEAGUE_CITY),
    ):
        field.get_by_label(label).fill(text)


def pay_button(page: Page) -> Locator:
    """Give the one button that pays."""
    return page.locator("[data-pay-button]")


def pay(page: Page, number: str) -> None:
    """Type a card and press the button."""
    type_card(page, number)
    expect(pay_button(page)).to_have_attribute("aria-disabled", "false")
    pay_button(page).click()


def answer_bank(page: Page, button: str) -> None:
    """Press a button in the bank's 3-D Secure dialog."""
    dialog = page.get_by_role("dialog", name="Card authentication")
    expect(dialog).to_be_visible()
    dialog.locator("iframe").content_frame.get_by_role("button", name=button).click()


def expect_booked(page: Page) -> str:
    """Wait for the receipt; give the reference on it."""
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    return page.locator(".stamp .ref").inner_text()


def book_to_payment(
    page: Page, customer: Customer, *, service: str, day: int, weeks: int = 0
) -> str:
    """Go from the times to the card field; give the start that was chosen."""
    open_times(page, service)
    is_mobile = service != REMOTE
    if is_mobile:
        show_times(page, zip_code=LEAGUE_CITY)
    for _ in range(weeks):
        pick_next_week(page)
    pick_day(page, day)
    start = pick_time(page, 0)
    keep(page)
    type_details(page, customer, is_mobile=is_mobile)
    send_details(page)
    return start


def money_beside(page: Page, label: str) -> str:
    """Read the amount beside a label in the first price list that has it."""
    row = page.locator("dl.prices > div").filter(has_text=label).first
    return row.locator("dd").inner_text()

"""A passkey opens the desk: added once, then one button, without a password or a code."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, Page, expect

from hmnp.dev.totp import code_of, secret_in
from tests.browser.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.night]

# A phone's or computer's own lock, which its owner opens at once.
PLATFORM_LOCK = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def _heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(words)


def test_a_passkey_is_added_and_opens_the_desk(browser: Browser, site: Site) -> None:
    # A passkey belongs to a name; an address in numbers is none.
    context = browser.new_context(base_url=site.base_url.replace("127.0.0.1", "localhost"))
    page = context.new_page()
    device = context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": PLATFORM_LOCK})
    page.goto("/admin/")
    page.get_by_label("Username").fill("demo-finance")
    page.get_by_label("Password").fill("houston-demo-2026")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Code").fill(
        code_of(secret_in(site.live.folder / "logins.txt"), at=time.time())
    )
    page.keyboard.press("Enter")
    _heading(page, "Today")

    page.goto("/accounts/2fa/passkeys/add/")
    page.get_by_label("Name").fill("The office's laptop")
    page.get_by_role("button", name="Add the passkey").click()
    page.wait_for_url(lambda url: "passkeys/add" not in url)
    page.goto("/accounts/2fa/")
    expect(page.get_by_role("main")).to_contain_text("1 set up")
    page.get_by_role("button", name="Sign out").click()

    page.goto("/admin/payments/payment/")
    _heading(page, "Sign in to the desk")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("navigation").get_by_text("demo-finance").first).to_be_attached()
    assert page.url.endswith("/admin/payments/payment/")
    context.close()

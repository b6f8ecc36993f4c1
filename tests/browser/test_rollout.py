"""The switches between V1 and V2, moved by a member of staff and put back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_desk import clerk as clerk
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


def _set(page: Page, *, share: str, has_staff: bool) -> None:
    reads = page.locator("form", has=page.get_by_role("heading", name="Reading bookings"))
    reads.get_by_label("Some, as below").check()
    reads.get_by_label("Share of visitors, in percent").fill(share)
    reads.get_by_label("and our staff").set_checked(has_staff)
    reads.get_by_role("button", name="Set").click()
    expect(page.locator(".messagelist .success")).to_contain_text("Reading bookings")
    expect(reads.get_by_label("Share of visitors, in percent")).to_have_value(share)
    expect(reads).to_contain_text("last by staff, ")


def test_a_share_is_set_and_everybody_sent_back_and_forth(clerk: Visitor) -> None:
    page = clerk.page
    page.goto("/admin/rollout/")
    expect(page.get_by_role("heading", level=1)).to_have_text("V1 and V2")
    clerk.look("desk-rollout")
    _set(page, share="12.5", has_staff=True)
    _set(page, share="0", has_staff=False)
    page.get_by_role("button", name="Back to V1 with everybody").click()
    expect(page.locator(".messagelist")).to_have_text("Everybody is V1's again.")
    page.get_by_role("button", name="Let the switches speak again").click()
    expect(page.locator(".messagelist .success")).to_have_text("The switches speak again.")

"""A customer's way through the pages, as tests take it: what a browser would send, and no more.

The pages ask the real clock, so the days are taken from what a page offers.
"""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.test import Client
from django.utils import timezone

from bookings.models import Booking
from services.federal_holidays import is_federal_holiday

# The test client answers with more than an HttpResponse.
Page = Any

ZONE = ZoneInfo("America/Chicago")
WHEN = "/book/{slug}/when/"
DETAILS = "/book/{slug}/details/"

PERSON = {
    "name": "Ada Customer",
    "email": "ada@example.com",
    "phone": "(713) 555-0123",
    "instructions": "Gate code 7",
    "locale": "en",
    "terms": "on",
}
ADDRESS = {"street": "1 Main St", "city": "League City", "state": "TX", "zip": "77573"}


def text_of(response: Page) -> str:
    """Give a page as a reader sees it, tags left out."""
    words = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", html.unescape(words))


def values_of(response: Page, name: str) -> list[str]:
    """Give the values of the inputs called `name`, in their order."""
    tags = re.findall(rf'<input[^>]* name="{name}"[^>]*>', response.content.decode())
    found = [re.search(r' value="([^"]*)"', tag) for tag in tags]
    return [html.unescape(value[1]) for value in found if value]


def weekday_ahead(*, days: int = 3) -> str:
    """Give a working day at least so far ahead, as an address names it."""
    day = timezone.now().astimezone(ZONE).date() + timedelta(days=days)
    while day.isoweekday() > 5 or is_federal_holiday(day):
        day += timedelta(days=1)
    return day.isoformat()


def look(client: Client, *, slug: str = "standard-notary", **facts: str) -> Page:
    """Ask for times and prices."""
    asked = {"signers": "1", "documents": "1", "day": weekday_ahead(), **facts}
    if slug != "ron":
        asked.setdefault("zip", "77573")
    return client.get(WHEN.format(slug=slug), asked)


def pick(
    client: Client,
    *,
    slug: str = "standard-notary",
    number: int = 2,
    page: Page | None = None,
    **facts: str,
) -> Page:
    """Choose one of the offered times, by its place in the list."""
    page = page or look(client, slug=slug, **facts)
    sent = {
        name: values_of(page, name)[0]
        for name in ("zip", "signers", "documents", "promo", "form_key")
        if values_of(page, name)
    }
    sent |= {"start": values_of(page, "start")[number]}
    return client.post(WHEN.format(slug=slug), sent)


def details_form(client: Client, *, slug: str = "standard-notary", **more: str) -> dict[str, str]:
    """Give what the details page would send, filled in."""
    page = client.get(DETAILS.format(slug=slug))
    assert page.status_code == 200, page.content
    address = ADDRESS if slug != "ron" else {}
    return {
        **PERSON,
        **address,
        "form_key": values_of(page, "form_key")[0],
        "shown_total": values_of(page, "shown_total")[0],
        **more,
    }


def book_through_pages(client: Client, *, slug: str = "standard-notary", **facts: str) -> Booking:
    """Pick a time and send the details."""
    offered = look(client, slug=slug, **facts)
    assert pick(client, slug=slug, page=offered).status_code == 302
    sent = client.post(DETAILS.format(slug=slug), details_form(client, slug=slug))
    assert sent.status_code == 302, text_of(sent)
    return Booking.objects.latest("created_at")


def start_of(value: str) -> datetime:
    """Read the value of a time that was offered."""
    return datetime.fromisoformat(value)


def cookie(response: Any, name: str) -> dict[str, Any]:
    """Give a cookie's attributes that keep it where it belongs."""
    morsel = response.cookies[name]
    return {key: morsel[key] for key in ("path", "httponly", "samesite")}

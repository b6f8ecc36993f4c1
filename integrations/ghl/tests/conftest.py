"""A CRM that holds nothing, whose webhooks are told by the tests, and a notary who works by day."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from pytest_django import Settings

from bookings.models import Booking
from bookings.tests.factories import a_notary
from integrations.ghl import client, places
from integrations.ghl.tests.driving import Crm, Ear, confirmed
from services.tests.fixtures import Catalogue


@pytest.fixture
def crm(sandbox_url: str, sandbox_web: httpx.Client, settings: Settings) -> Iterator[Crm]:
    """The CRM, empty and without limits."""
    settings.GHL_API_BASE = f"{sandbox_url}/ghl"
    settings.GHL_STAFF_USER_IDS = ["user_frontdesk"]
    places.forget()
    box = Crm(web=sandbox_web)
    box.post("/reset")
    box.post("/webhooks", {"paused": True})
    box.post("/ghl/settings", {"limit": 100_000})
    yield box
    box.post("/reset")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that takes a quarter of a second is too late."""
    monkeypatch.setattr(client, "timeout", httpx.Timeout(0.25))


@pytest.fixture
def told(crm: Crm) -> Iterator[Crm]:
    """The CRM, which tells its webhooks when the test asks."""
    ear = Ear(crm)
    crm.post("/ghl/webhook_endpoints", {"url": ear.url})
    yield crm
    ear.stop()


@pytest.fixture
def booking(catalogue: Catalogue) -> Booking:
    """An appointment three days ahead, paid, of which the CRM has not heard."""
    a_notary()
    return confirmed()

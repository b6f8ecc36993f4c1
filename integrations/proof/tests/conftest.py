"""A sandbox whose faults are short, and a notary who works online."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pytest_django import Settings

from bookings.models import Booking
from bookings.tests.factories import a_notary
from bookings.tests.remote import remote_booking
from integrations.proof import client
from integrations.proof.tests.driving import Outside
from services.tests.fixtures import Catalogue


@pytest.fixture(autouse=True)
def _files(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def outside(
    sandbox_url: str, sandbox_web: httpx.Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Outside]:
    """Proof, whose webhooks are told by the tests themselves."""
    settings.PROOF_API_BASE = f"{sandbox_url}/proof"
    # Long enough that only what a fault withholds is too late, however busy the machine.
    monkeypatch.setattr(client, "TIMEOUT", httpx.Timeout(3.0))
    box = Outside(web=sandbox_web)
    box.forget_faults()
    box.post("/webhooks", {"paused": True})
    # Documents are processed when a test says so, without waiting.
    box.post("/proof", {"processing_seconds": 0.5, "release_seconds": 0.5})
    yield box
    box.forget_faults()
    box.post("/webhooks", {"paused": False})


@pytest.fixture
def booking(catalogue: Catalogue) -> Booking:
    """A session for two, paid, the day after tomorrow."""
    a_notary(skills=["ron", "standard-notary"])
    return remote_booking()

"""The whole way, over real processes: from the booking to the CRM, and from the CRM back."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import pytest

from bookings.models import Booking
from bookings.tests.factories import a_notary
from hmnp.dev.live import LiveProcesses
from integrations.ghl.tests.driving import Crm, confirmed, start_of_work
from integrations.models import InboxEvent
from services.tests.fixtures import Catalogue

pytestmark = [
    pytest.mark.runtime,
    pytest.mark.slow,
    pytest.mark.night,
]


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline, f"never {what}"
        time.sleep(0.1)


def test_a_booking_reaches_the_crm_and_what_is_done_there_comes_back(
    live: LiveProcesses, catalogue: Catalogue
) -> None:
    live.start_sandbox()
    live.start_web(workers=1)
    live.start_worker()
    a_notary()
    with httpx.Client(base_url=live.sandbox_url, timeout=10) as web:
        crm = Crm(web=web)
        booking = confirmed()
        _wait(lambda: bool(crm.all("appointments", booking)), "in the CRM")
        there = crm.appointment(booking)["id"]
        start = start_of_work(days=5)
        crm.post(f"/ghl/appointments/{there}", {"startTime": start.isoformat()})
        _wait(lambda: Booking.objects.get(pk=booking.pk).starts_at == start, "moved")
        crm.post(f"/ghl/appointments/{there}", {"appointmentStatus": "cancelled"})
        _wait(lambda: Booking.objects.get(pk=booking.pk).status == "CANCELLED", "cancelled")
        _wait(lambda: crm.opportunity(booking)["status"] == "lost", "lost to sales")
        open_events = InboxEvent.objects.exclude(state__in=["DONE", "IGNORED"])
        _wait(lambda: not open_events.exists(), "done with all events")
        assert crm.appointment(booking)["id"] == there

"""The CRM as the sandbox plays it, and bookings that live through everything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from django.apps import apps
from django.db import transaction
from django.utils import timezone

from bookings.actions.record_payment import record_payment
from bookings.models import Booking, SlotClaim
from bookings.tests.factories import CUSTOMER, book, customer
from integrations import delivery, processing
from integrations.ghl.webhooks import verify
from integrations.inbox import store
from integrations.models import DestinationState, InboxEvent, OutboxJob
from integrations.states import Destination

CRM = Destination.GHL


@dataclass
class Crm:
    """The sandbox's side: what it holds, its people at their screens, and its faults."""

    web: httpx.Client
    told: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self.web.post(f"/_sandbox{path}", json=body or {})
        assert answer.status_code < 300, answer.text
        return answer.json()

    def fault(self, action: str, *, path: str, method: str, times: int = 1, ms: int = 400) -> None:
        match = {"system": "ghl", "path": path, "method": method}
        self.post("/faults", {"action": action, "match": match, "ms": ms, "times": times})

    def faults(self) -> list[dict[str, Any]]:
        """Give the faults that have a turn left."""
        found: list[dict[str, Any]] = self.web.get("/_sandbox/faults").json()["data"]
        return found

    def ledger(self) -> dict[str, Any]:
        result: dict[str, Any] = self.web.get("/_sandbox/ledger").json()
        return result

    def all(self, kind: str, booking: Booking | None = None) -> list[dict[str, Any]]:
        """Give what was not deleted, of one booking or of all."""
        text = {"appointments": "title", "opportunities": "name"}.get(kind, "id")
        return [
            each
            for each in self.ledger()[f"ghl_{kind}"]
            if not each["deleted"] and (booking is None or booking.reference in each[text])
        ]

    def appointment(self, booking: Booking) -> dict[str, Any]:
        (found,) = self.all("appointments", booking)
        return found

    def opportunity(self, booking: Booking) -> dict[str, Any]:
        (found,) = self.all("opportunities", booking)
        return found

    def contact(self) -> dict[str, Any]:
        (found,) = self.all("contacts")
        return found

    def hear(self) -> list[InboxEvent]:
        """Let everything be told that was not, and act on it once, as door and worker do."""
        self.post("/webhooks", {"paused": False})
        wait_until(lambda: self.web.get("/_sandbox/webhooks").json()["pending"] == 0)
        self.post("/webhooks", {"paused": True})
        told, self.told = self.told, []
        ids = []
        for body, headers in told:
            event = verify(body, headers, timezone.now())
            store(event=event)
            ids.append(event.event_id)
        events = InboxEvent.objects.filter(event_id__in=ids)
        for stored in events:
            processing.process(inbox_id=stored.pk)
        return list(events.all())


class Ear:
    """Listen for the CRM's webhooks, and keep the bytes as they come."""

    def __init__(self, crm: Crm) -> None:
        """Listen until stopped."""

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                crm.told.append((body, dict(self.headers)))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/ghl"

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


def wait_until(condition: Callable[[], bool], *, seconds: float = 10) -> None:
    """Wait for something that is about to happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def start_of_work(*, days: int = 3, hour: int = 10) -> datetime:
    """Give a time at which notaries work, some days ahead."""
    local = timezone.now().astimezone(ZoneInfo("America/Chicago")) + timedelta(days=days)
    return local.replace(hour=hour, minute=0, second=0, microsecond=0)


def confirmed(*, email: str = "ada@example.com", **fields: Any) -> Booking:
    """Book by day and pay, as the customer does."""
    now = timezone.now()
    wish = {"slug": "extended-hours", "starts_at": start_of_work(), "who": customer(email=email)}
    booking = book(now=now, **{**wish, **fields})
    with transaction.atomic():
        record_payment(
            booking=booking,
            claim=SlotClaim.objects.get(booking=booking),
            payment_id=None,
            amount_cents=booking.due_now_cents,
            kind="FULL",
            actor=CUSTOMER,
            now=now,
        )
    return Booking.objects.get(pk=booking.pk)


def job_of(booking: Booking) -> OutboxJob:
    """Give the newest job of the CRM's."""
    jobs = OutboxJob.objects.filter(booking=booking, destination=CRM.value)
    return jobs.latest("version")


def attempt(job: OutboxJob) -> OutboxJob:
    """Do a job once, whatever it waits for."""
    DestinationState.objects.filter(paused_at=None).delete()
    past = timezone.now() - timedelta(seconds=1)
    OutboxJob.objects.filter(pk=job.pk, state="READY").update(run_at=past)
    delivery.attempt(job_id=job.pk)
    job.refresh_from_db()
    return job


def settle(booking: Booking, *, tries: int = 40) -> OutboxJob:
    """Do the booking's newest job until it has ended."""
    for _ in range(tries):
        job = job_of(booking)
        if job.state != "READY":
            return job
        attempt(job)
    raise AssertionError(f"not done after {tries} attempts: {job.last_error}")


def cases() -> list[str]:
    """Give what people are told of the CRM and have not settled."""
    found = apps.get_model("desk", "Case")._default_manager.filter(
        closed_at=None, subject__startswith="ghl:"
    )
    return list(found.order_by("pk").values_list("summary", flat=True))

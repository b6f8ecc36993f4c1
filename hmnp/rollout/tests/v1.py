"""V1's clients and V1 itself, as the tests play them."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zoneinfo import ZoneInfo

from django.test import Client
from django.utils import timezone

from hmnp.rollout.mirror import signature
from services.federal_holidays import is_federal_holiday

HOUSTON = ZoneInfo("America/Chicago")


def a_tuesday() -> date:
    """Give an ordinary Tuesday two weeks from now, or a little later."""
    day = timezone.now().date() + timedelta(days=14)
    while day.isoweekday() != 2 or is_federal_holiday(day):
        day += timedelta(days=1)
    return day


def at(hour: int, days: int = 0) -> datetime:
    """Give the instant of an hour by Houston's clock, that Tuesday or later."""
    day = a_tuesday() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, hour, tzinfo=HOUSTON).astimezone(UTC)


def iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


# Houston's wall clock, with the summer's offset the whole year.
WHEN = f"{a_tuesday()}T10:00:00-05:00"
SECRET = "v1-and-v2-share-this"


def v1_body(**changes: Any) -> dict[str, Any]:
    whole = {
        "serviceId": "standard-notary",
        "scheduledDateTime": WHEN,
        "firstName": "Ada",
        "lastName": "Customer",
        "email": "Ada@Example.com",
        "phone": "713-555-0123",
        "addressStreet": "1 Main St, League City, TX 77573",
        "booking_number_of_signers": 3,
        "documentCount": "2",
        "consent_terms_conditions": True,
        "notes": "Gate code 1836",
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def post(path: str, body: Any, **headers: str) -> Any:
    return Client().post(path, json.dumps(body), content_type="application/json", headers=headers)


def report(*events: dict[str, Any], secret: str = SECRET, sent_at: int | None = None) -> Any:
    raw = json.dumps({"events": list(events)})
    at = int(time.time()) if sent_at is None else sent_at
    signed = f"t={at},v1={signature(secret=secret, sent_at=at, body=raw.encode())}"
    return Client().post(
        "/api/v1/mirror", raw, content_type="application/json", headers={"X-V1-Signature": signed}
    )


def v1_row(v1_id: str = "bk_1700_a", **changes: Any) -> dict[str, Any]:
    return {
        "id": v1_id,
        "serviceId": "standard-notary",
        "scheduledDateTime": iso(at(10)),
        "status": "CONFIRMED",
        "priceAtBooking": "85.00",
        "depositAmount": "25.00",
        "customerName": "Bo Bernal",
        "customerEmail": "bo@example.com",
        "addressStreet": "2 Main St",
        "addressCity": "League City",
        "addressState": "TX",
        "addressZip": "77573",
        "createdAt": "2026-11-01T12:00:00.000Z",
        "updatedAt": "2026-11-01T12:00:00.000Z",
        **changes,
    }


class V1:
    """A V1 that takes whatever it is asked for; each `loses_every`-th answer never arrives."""

    def __init__(self, *, loses_every: int = 0) -> None:
        self.made: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(asked)
                row = outer.book(asked)
                body = json.dumps({"success": True, "booking": row}).encode()
                if loses_every and len(outer.made) % loses_every == 0:
                    # It has booked, and its answer is lost.
                    self.close_connection = True
                    return
                self.send_response(201)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @contextmanager
    def serving(self) -> Iterator[V1]:
        """Answer on loopback for a while."""
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def book(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Take a booking without looking at any calendar, once a customer."""
        known = [row for row in self.made.values() if row["customerEmail"] == asked["email"]]
        if known:
            return known[0]
        v1_id = f"bk_{len(self.made)}_{random.randrange(10**6)}"  # noqa: S311  # an id, no secret
        self.made[v1_id] = {
            "id": v1_id,
            "serviceId": asked["serviceId"],
            "scheduledDateTime": asked["scheduledDateTime"],
            "status": "CONFIRMED",
            "priceAtBooking": "85.00",
            "customerName": "Soak Customer",
            "customerEmail": asked["email"],
            "addressZip": "77573",
            "createdAt": "2026-11-01T12:00:00.000Z",
            "updatedAt": "2026-11-01T12:00:00.000Z",
        }
        return self.made[v1_id]

"""V1's clients and V1 itself, as the tests play them."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime, timedelta
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

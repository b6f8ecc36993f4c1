"""A remote session that is booked and paid for, at a real time not far ahead."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from bookings.actions.record_payment import record_payment
from bookings.models import Booking, SlotClaim
from bookings.tests.factories import CUSTOMER, book

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


def start_of_work(*, hour: int = 10) -> datetime:
    """Give a time the notary works, the day after tomorrow."""
    local = timezone.now().astimezone(ZoneInfo("America/Chicago")) + timedelta(days=2)
    return local.replace(hour=hour, minute=0, second=0, microsecond=0)


def remote_booking(*, signers: int = 2, **fields: Any) -> Booking:
    """Book a session and pay for it, as the customer does."""
    now = timezone.now()
    wish = {"slug": "ron", "zip_code": None, "signers": signers, "starts_at": start_of_work()}
    booking = book(now=now, **{**wish, **fields})
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

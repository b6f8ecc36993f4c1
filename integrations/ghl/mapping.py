"""What a booking is called, and looks like, in the CRM. Nothing here asks anybody anything."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from bookings.models import Booking
from bookings.states import BookingStatus
from integrations.errors import ConnectorError

Json = dict[str, Any]

SOURCE = "website_booking"
STATUS_TAGS = "status:booking_"
REFERENCE = re.compile(r"\bHM-[0-9A-Z]{6}\b")

# What the CRM's appointment, opportunity and contact say of a booking in each status.
_APPOINTMENT = {
    BookingStatus.CONFIRMED: "confirmed",
    BookingStatus.IN_PROGRESS: "confirmed",
    BookingStatus.COMPLETED: "showed",
    BookingStatus.NO_SHOW: "noshow",
    BookingStatus.CANCELLED: "cancelled",
}
_OPPORTUNITY = {
    BookingStatus.CONFIRMED: "open",
    BookingStatus.IN_PROGRESS: "open",
    BookingStatus.COMPLETED: "won",
    BookingStatus.NO_SHOW: "lost",
    BookingStatus.CANCELLED: "lost",
}
# Words for one thing that the CRM's own screens, older appointments and our bookings use.
_SAME = {"new": "confirmed", "active": "confirmed", "completed": "showed"}


@dataclass(frozen=True)
class State:
    """What of an appointment means something: when, and whether it takes place."""

    starts_at: datetime
    status: str

    @property
    def hash(self) -> str:
        """Short enough that three of them fit where a reference keeps them, and a mark."""
        when = "" if self.status == "cancelled" else self.starts_at.astimezone(UTC).isoformat()
        return _short(f"{self.status} {when}")


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_shown(booking: Booking) -> bool:
    """Tell whether the CRM must hold the booking; what it holds already is kept current anyway."""
    return booking.confirmed_at is not None and booking.status in (
        BookingStatus.CONFIRMED,
        BookingStatus.IN_PROGRESS,
        BookingStatus.COMPLETED,
        BookingStatus.NO_SHOW,
    )


def wanted_state(booking: Booking) -> State:
    """Give what the booking's appointment must say; whatever does not stand is cancelled there."""
    status = _APPOINTMENT.get(BookingStatus(booking.status), "cancelled")
    return State(starts_at=booking.starts_at, status=status)


def state_of(appointment: Json) -> State:
    """Read an appointment as the CRM gives it. Raises `ConnectorError` when its time is none."""
    try:
        starts_at = datetime.fromisoformat(str(appointment.get("startTime")))
    except ValueError:
        raise ConnectorError("gave an appointment without a time") from None
    if starts_at.tzinfo is None:
        starts_at = starts_at.replace(tzinfo=ZoneInfo(settings.BUSINESS_TIME_ZONE))
    status = str(appointment.get("appointmentStatus") or appointment.get("appoinmentStatus") or "")
    return State(starts_at=starts_at, status=_SAME.get(status, status))


def appointment_fields(booking: Booking) -> Json:
    """Give the appointment to write."""
    place = "Online"
    if booking.zip_code:
        street = f"{booking.street} {booking.unit}".strip()
        place = f"{street}, {booking.city}, {booking.state} {booking.zip_code}"
    return {
        "title": title(booking),
        "startTime": booking.starts_at.astimezone(booking.zone).isoformat(timespec="seconds"),
        "endTime": booking.ends_at.astimezone(booking.zone).isoformat(timespec="seconds"),
        "appointmentStatus": wanted_state(booking).status,
        "address": place,
        "description": _description(booking),
    }


def title(booking: Booking) -> str:
    """Give the name of the appointment and of the opportunity; it holds our reference."""
    return f"{booking.service.name} · {booking.reference}"


def _description(booking: Booking) -> str:
    lines = [
        f"Booking {booking.reference}, made and kept on the website.",
        f"Notary: {booking.notary.name if booking.notary else 'not assigned yet'}",
        f"Signers: {booking.signers}. Documents: {booking.documents}.",
    ]
    return "\n".join(lines)


def opportunity_fields(booking: Booking, *, pipeline_id: str, stage_id: str) -> Json:
    """Give the opportunity to write; its value is the price in dollars."""
    return {
        "pipelineId": pipeline_id,
        "pipelineStageId": stage_id,
        "name": title(booking),
        "status": _OPPORTUNITY.get(BookingStatus(booking.status), "lost"),
        "monetaryValue": round(booking.price_cents / 100, 2),
    }


def stage_name(booking: Booking) -> str:
    """Give the name of the stage a booking belongs in."""
    status = booking.status if booking.status in _APPOINTMENT else BookingStatus.CANCELLED.value
    return str(settings.GHL_STAGES[status])


def contact_fields(booking: Booking) -> Json:
    """Give the customer as a contact."""
    first, _, last = booking.customer_name.strip().partition(" ")
    return {
        "firstName": first,
        "lastName": last.strip(),
        "email": booking.customer_email,
        "phone": str(booking.customer_phone),
        "timezone": booking.timezone,
        "source": SOURCE,
    }


def contact_hash(fields: Json) -> str:
    """Give a hash of a contact as it was written."""
    return _short(json.dumps(fields, sort_keys=True))


def status_tag(booking: Booking) -> str:
    """Give the tag that says how the customer's booking stands, such as
    `status:booking_confirmed`.
    """
    status = booking.status if booking.status in _APPOINTMENT else BookingStatus.CANCELLED.value
    return STATUS_TAGS + status.lower()


def tags_of(contact: Json) -> set[str]:
    """Give a contact's tags in lower case."""
    return {str(tag).lower() for tag in contact.get("tags") or []}


def reference_in(text: object) -> str:
    """Give our reference in a title, or ""."""
    found = REFERENCE.search(str(text or ""))
    return found.group() if found else ""

"""A booking as a calendar file (RFC 5545, RFC 5546)."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from icalendar import Calendar, Event, vCalAddress, vText

from bookings import wording
from bookings.models import Booking
from bookings.states import CLOSED_WITHOUT_SERVICE, BookingStatus

FILENAME = "appointment.ics"
_A_YEAR = timedelta(days=366)


class Method(StrEnum):
    PUBLISH = "PUBLISH"
    CANCEL = "CANCEL"


def method_of(*, booking: Booking) -> Method:
    """Tell whether the file adds the appointment to a calendar or takes it out."""
    return Method.CANCEL if booking.status in CLOSED_WITHOUT_SERVICE else Method.PUBLISH


def calendar_file(*, booking: Booking, now: datetime) -> bytes:
    """Write the booking's calendar file as it stands at `now`.

    The UID stays, the SEQUENCE is the booking's version: a calendar that has an older file
    replaces it. PUBLISH rather than REQUEST, because nobody is asked to accept or decline.
    """
    method = method_of(booking=booking)
    calendar = Calendar()
    calendar.add("prodid", "-//Houston Mobile Notary Pros//Booking//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method.value)
    event = Event()
    event.add("uid", f"{booking.id}@booking.hmnp")
    event.add("sequence", booking.version)
    event.add("dtstamp", now)
    event.add("dtstart", booking.starts_at.astimezone(booking.zone))
    event.add("dtend", booking.ends_at.astimezone(booking.zone))
    event.add("summary", f"{booking.service.name}: {settings.COMPANY['name']}")
    event.add("description", _description(booking))
    event.add("location", wording.place(booking))
    event.add("status", _status(booking, method))
    event.add("transp", "OPAQUE")
    if sender := settings.COMPANY["email"]:
        organizer = vCalAddress(f"mailto:{sender}")
        organizer.params["CN"] = vText(settings.COMPANY["name"])
        event["organizer"] = organizer
    calendar.add_component(event)
    # The clock changes around the appointment are enough; all since 1970 would be 5 KB.
    calendar.add_missing_timezones(
        first_date=booking.starts_at.date() - _A_YEAR, last_date=booking.ends_at.date() + _A_YEAR
    )
    return bytes(calendar.to_ical())


def _description(booking: Booking) -> str:
    lines = [f"Booking {booking.reference}", "", "Please have ready:"]
    lines += [f"- {line}" for line in wording.what_to_have_ready(booking)]
    if phone := settings.COMPANY["phone"]:
        lines += ["", f"Questions? {phone}"]
    return "\n".join(lines)


def _status(booking: Booking, method: Method) -> str:
    if method is Method.CANCEL:
        return "CANCELLED"
    return "TENTATIVE" if booking.status == BookingStatus.PENDING_PAYMENT else "CONFIRMED"

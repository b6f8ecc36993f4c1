"""An appointment as its notary's calendar shows it: what the work needs, and no more.

The customer's instructions, mail address and signers stay behind the staff page's sign-in: a
calendar is shared, synced to phones and read by other programs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from icalendar import Calendar, Event

from bookings import links, wording
from bookings.models import Booking
from bookings.states import BookingStatus

_A_YEAR = timedelta(days=366)
_PRODUCT = "-//Houston Mobile Notary Pros//Notary calendar//EN"

# What took place stays in the calendar; what will not is taken out.
KEPT = (
    BookingStatus.CONFIRMED,
    BookingStatus.IN_PROGRESS,
    BookingStatus.COMPLETED,
    BookingStatus.NO_SHOW,
)


@dataclass(frozen=True)
class Appointment:
    """The words and the time of one event in a notary's calendar."""

    summary: str
    description: str
    location: str
    starts_at: datetime
    ends_at: datetime
    zone: ZoneInfo


def is_kept(*, booking: Booking) -> bool:
    """Tell whether a notary's calendar holds the booking."""
    return booking.status in KEPT and booking.notary_id is not None


def appointment_of(*, booking: Booking) -> Appointment:
    """Word a booking for its notary."""
    summary = f"{booking.service.name}: {booking.customer_name}"
    if booking.status == BookingStatus.NO_SHOW:
        summary = f"No-show: {summary}"
    lines = [
        f"Booking {booking.reference}",
        f"Customer: {booking.customer_name}",
        f"Phone: {booking.customer_phone}",
        f"Signers: {booking.signers}, documents: {booking.documents}",
        "",
        f"Details and changes (sign in): {links.staff_url(booking=booking)}",
        "Please change nothing here: changes made in the calendar do not reach the customer.",
    ]
    return Appointment(
        summary=summary,
        description="\n".join(lines),
        location=wording.place(booking),
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        zone=booking.zone,
    )


def calendar_file(
    *, bookings: Iterable[Booking], name: str = "", uid_suffix: str = "@booking.hmnp"
) -> bytes:
    """Write bookings as one calendar file; it changes only when one of them does."""
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    if name:
        calendar.add("x-wr-calname", name)
        calendar.add("x-wr-timezone", settings.BUSINESS_TIME_ZONE)
    days = []
    for booking in bookings:
        calendar.add_component(_event(booking, uid_suffix))
        days += [booking.starts_at.date(), booking.ends_at.date()]
    if days:
        calendar.add_missing_timezones(
            first_date=min(days) - _A_YEAR, last_date=max(days) + _A_YEAR
        )
    return bytes(calendar.to_ical())


def _event(booking: Booking, uid_suffix: str) -> Event:
    shown = appointment_of(booking=booking)
    event = Event()
    event.add("uid", f"{booking.id}{uid_suffix}")
    event.add("sequence", booking.version)
    # When it last changed, not when it was asked for: an unchanged feed is the same bytes.
    event.add("dtstamp", booking.updated_at)
    event.add("last-modified", booking.updated_at)
    event.add("dtstart", shown.starts_at.astimezone(shown.zone))
    event.add("dtend", shown.ends_at.astimezone(shown.zone))
    event.add("summary", shown.summary)
    event.add("description", shown.description)
    event.add("location", shown.location)
    event.add("status", "CONFIRMED")
    event.add("transp", "OPAQUE")
    event.add("class", "PRIVATE")
    return event

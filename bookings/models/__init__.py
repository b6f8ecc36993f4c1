"""The tables of the bookings app."""

from bookings.models.booking import Booking, BookingDocument, PromoRedemption
from bookings.models.claim import SlotClaim
from bookings.models.notary import (
    Blackout,
    BusyBlock,
    CalendarKind,
    Notary,
    NotaryDayOff,
    NotaryHours,
)
from bookings.models.timeline import TimelineEvent, TimelineHead

__all__ = [
    "Blackout",
    "Booking",
    "BookingDocument",
    "BusyBlock",
    "CalendarKind",
    "Notary",
    "NotaryDayOff",
    "NotaryHours",
    "PromoRedemption",
    "SlotClaim",
    "TimelineEvent",
    "TimelineHead",
]

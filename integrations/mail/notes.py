"""Sentences that only single mails need."""

from __future__ import annotations

from datetime import datetime

from bookings import wording
from bookings.models import Booking
from bookings.states import BookingStatus
from hmnp.core import pages
from hmnp.core.money import show
from integrations.proof import readiness

_NEEDED = {
    "documents": "your documents as PDF, complete but not yet signed",
    "signers": "the name and e-mail address of every signer",
    "signer_emails": "an e-mail address of their own for every signer",
}


def soon(booking: Booking) -> str:
    """Say what happens next, two hours before."""
    if wording.is_mobile(booking):
        return "Your notary comes to the address below."
    return "Half an hour before, you get the link to the video session."


def still_needed(booking: Booking) -> list[str]:
    """List what the session waits for, in the customer's words."""
    return [_NEEDED[code] for code in readiness.missing(booking=booking)]


def signer_names(booking: Booking) -> list[str]:
    """Give the signers that were named."""
    return [one["name"] for one in booking.signer_details if one.get("name")]


def to_collect(booking: Booking) -> str:
    """Say what the notary is to be paid at the door."""
    due = booking.balance_due_cents
    is_on_statement = booking.partner_id is not None and booking.amount_paid_cents == 0
    if due == 0 or is_on_statement or not wording.is_mobile(booking):
        return "nothing"
    return f"{show(due)} at the door: card, cash or check"


def lost_when(booking: Booking, start: str) -> str:
    """Give the start that a notary lost as `Tuesday 1 December, 9:30 am Central`."""
    starts_at = datetime.fromisoformat(start)
    local = starts_at.astimezone(booking.zone)
    zone = pages.told_zone(starts_at, zone=booking.zone)
    return f"{pages.long_day(local.date())}, {pages.clock(local, zone=booking.zone)} {zone}"


def why_gone(booking: Booking) -> str:
    """Say why a job is no longer a notary's."""
    if booking.status == BookingStatus.CANCELLED:
        return "The booking was cancelled."
    return "Another notary has it now."

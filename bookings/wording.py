"""What pages and mails say about a booking, so that both say the same in the same order."""

from __future__ import annotations

from bookings.models import Booking
from hmnp.core import pages
from hmnp.core.money import show
from services.models import Service

ONLINE = "Online, by video"


def is_mobile(booking: Booking) -> bool:
    """Tell whether the notary comes to the customer."""
    return booking.service.type == Service.Type.MOBILE


def when(booking: Booking) -> str:
    """Give `Tuesday 1 December 2026, 9:30 am to 10:30 am Central`."""
    return pages.appointment(booking.starts_at, booking.ends_at, zone=booking.zone, with_year=True)


def place(booking: Booking) -> str:
    """Give where it takes place, on one line."""
    if not is_mobile(booking):
        return ONLINE
    street = ", ".join(part for part in (booking.street, booking.unit) if part)
    return f"{street}, {booking.city}, {booking.state} {booking.zip_code}"


def next_steps(booking: Booking) -> list[str]:
    """Say in three lines what happens from now to the appointment."""
    if is_mobile(booking):
        steps = [
            "Your notary comes to the address you gave; please be there with everyone who signs.",
            "The notary checks each signer's photo ID, then you sign.",
        ]
    else:
        steps = [
            "Before the appointment you get a link to the video session by e-mail.",
            "Each signer's identity is checked online, then you sign on the screen.",
        ]
    return [*steps, balance_sentence(booking)]


def balance_sentence(booking: Booking) -> str:
    """Say what is still to be paid, and when."""
    due = booking.balance_due_cents
    if due == 0:
        return "Nothing more is to be paid."
    if booking.partner_id is not None and booking.amount_paid_cents == 0:
        return f"{show(due)} goes on the monthly statement."
    if is_mobile(booking):
        return f"{show(due)} is due at the door: card, cash or check."
    return f"{show(due)} is to be paid before the session starts."


def what_to_have_ready(booking: Booking) -> list[str]:
    """List what must be at hand for the appointment to work."""
    everyone = {1: "The signer", 2: "Both signers"}.get(
        booking.signers, f"All {booking.signers} signers"
    )
    each = "" if booking.signers == 1 else " each"
    photo_id = f"a valid government photo ID{each}: driver's license, state ID or passport"
    if is_mobile(booking):
        return [
            f"{everyone}, in person, with {photo_id}",
            "Your documents, complete but not yet signed",
        ]
    return [
        f"{everyone}, with {photo_id}",
        "A computer or phone with camera, microphone and a steady connection",
        "Your documents as PDF, complete but not yet signed",
    ]

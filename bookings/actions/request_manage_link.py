"""Ask for a fresh link to a booking's manage page, by what its customer remembers."""

from __future__ import annotations

import re
from datetime import datetime

from bookings.events import ManageLinkRequested
from bookings.models import Booking
from bookings.queries import ACCESS_LIFETIME
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.events import emit

# A number is compared by its last ten digits, however it was written.
_PHONE_DIGITS = 10


def request_manage_link(*, reference: str, contact: str, actor: Actor, now: datetime) -> None:
    """State that a link was asked for, if `contact` is the e-mail or phone of that booking.

    Says nothing either way, so that nobody learns who has booked. The link goes to the booking's
    own address only.
    """

    def work() -> None:
        booking = Booking.objects.filter(
            reference=_normal_reference(reference), ends_at__gt=now - ACCESS_LIFETIME
        ).first()
        if booking is not None and _is_contact_of(booking, contact):
            emit(
                ManageLinkRequested(
                    booking_id=booking.pk,
                    version=booking.version,
                    actor=actor,
                    requested_at=now,
                )
            )

    transactions.run(work)


def _normal_reference(text: str) -> str:
    """Read `hm 7k3wq9` and `7K3WQ9` as `HM-7K3WQ9`."""
    letters = re.sub(r"[^0-9A-Z]", "", text.upper())
    return f"HM-{letters.removeprefix('HM')}"


def _is_contact_of(booking: Booking, contact: str) -> bool:
    contact = contact.strip()
    if "@" in contact:
        return contact.casefold() == booking.customer_email.casefold()
    digits = re.sub(r"\D", "", contact)[-_PHONE_DIGITS:]
    return len(digits) == _PHONE_DIGITS and str(booking.customer_phone).endswith(digits)

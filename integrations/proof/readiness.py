"""Whether a booking's session can be opened at Proof, for whoever asks from this floor."""

from __future__ import annotations

from bookings import session_readiness
from bookings.models import Booking


def missing(*, booking: Booking) -> list[str]:
    """Give the codes of what the customer has still to give: documents, signers, signer_emails."""
    return [one.value for one in session_readiness.missing(booking=booking)]

"""What a remote session still needs from the customer before its signers can be invited."""

from __future__ import annotations

from enum import StrEnum

from bookings.models import Booking
from bookings.models.booking import DocumentStatus
from services.definitions import ServiceType


class Missing(StrEnum):
    """DOCUMENTS: none was sent. SIGNERS: not everybody is named with an e-mail address.
    SIGNER_EMAILS: two share one, and each gets a link of their own.
    """

    DOCUMENTS = "documents"
    SIGNERS = "signers"
    SIGNER_EMAILS = "signer_emails"


def missing(*, booking: Booking) -> list[Missing]:
    """Say what the session of this booking still needs; nothing for an appointment in person."""
    if booking.service.type != ServiceType.RON:
        return []
    found = []
    if not booking.files.filter(status=DocumentStatus.STORED).exists():
        found.append(Missing.DOCUMENTS)
    named = [one for one in booking.signer_details if one.get("name") and one.get("email")]
    if len(named) < booking.signers:
        found.append(Missing.SIGNERS)
    if len({one["email"].strip().lower() for one in named}) < len(named):
        found.append(Missing.SIGNER_EMAILS)
    return found

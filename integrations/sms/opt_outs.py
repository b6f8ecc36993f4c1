"""Who wants no text: nobody asked them, or they answered STOP since."""

from __future__ import annotations

from datetime import datetime

from bookings.models import Booking
from integrations.models import SmsOptOut


def may_be_texted(*, booking: Booking, number: str) -> bool:
    """Tell whether the booking's customer agreed to texts, and has not said STOP since."""
    if booking.sms_consent_at is None:
        return False
    return not SmsOptOut.objects.filter(
        number=number, noted_at__gte=booking.sms_consent_at
    ).exists()


def note(*, number: str, now: datetime) -> None:
    """Remember that a number wants no text."""
    SmsOptOut.objects.update_or_create(number=number, defaults={"noted_at": now})

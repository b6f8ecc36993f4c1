"""What a change of a service means for who has booked it, or is about to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bookings.models import Booking, SlotClaim
from bookings.states import LIVE_CLAIM_STATES, LIVE_STATUSES, ClaimState
from services.catalogue_warnings import ServiceChange


def warn(change: ServiceChange, now: datetime) -> Iterator[str]:
    """Count the bookings to come, and who holds a time at this moment."""
    service = change.before
    if service is None:
        return
    to_come = Booking.objects.filter(
        service_id=service.id, starts_at__gt=now, status__in=LIVE_STATUSES
    ).count()
    if to_come and change.is_taken_off_sale:
        yield (
            f"{service.name} has {_bookings(to_come)} to come. They stay and must be kept; nobody "
            "can book it anew or move a booking of it through the site."
        )
    elif to_come:
        yield f"Bookings of {service.name} to come ({to_come}) keep their price."
    # A booked claim is counted as its booking.
    holding = SlotClaim.objects.filter(
        service_id=service.id,
        state__in=[state for state in LIVE_CLAIM_STATES if state != ClaimState.BOOKED],
        booking=None,
        expires_at__gt=now,
    ).count()
    if holding:
        yield f"{holding} hold a time of {service.name} now and pay what they were quoted."


def _bookings(count: int) -> str:
    return "1 booking" if count == 1 else f"{count} bookings"

"""Look at the sessions that should be moving now, in case no webhook told."""

from __future__ import annotations

from datetime import datetime, timedelta

from bookings.models import Booking
from bookings.sessions import DONE, ENDED, OPENS_BEFORE
from bookings.states import BookingStatus
from integrations.models import ExternalRef
from integrations.proof import client, holdings, keeping, mirroring
from integrations.proof.mapping import LIVE, session_of
from integrations.states import Destination

# Long enough for a session that ran late, and for its recording to be processed.
_FOLLOWED = timedelta(hours=24)
_MOST = 100


def poll(*, now: datetime) -> int:
    """Fetch each session whose time it is, and what was completed without its recording yet.

    Gives how many were fetched. Raises `ConnectorError`.
    """
    refs = ExternalRef.objects.filter(
        system=Destination.PROOF.value,
        kind=holdings.TRANSACTION,
        booking__starts_at__lt=now + OPENS_BEFORE,
        booking__ends_at__gt=now - _FOLLOWED,
        booking__status__in=[*LIVE, BookingStatus.COMPLETED],
    ).order_by("booking__starts_at")
    count = 0
    for ref in refs[:_MOST]:
        if holdings.is_sought(ref) or _is_settled(ref):
            continue
        held = client.get(transaction_id=ref.external_id)
        count += 1
        if held is None:
            mirroring.note_deletion(ref=ref)
        else:
            mirroring.mirror(booking_id=ref.booking_id, transaction=held, now=now)
    return count


def _is_settled(ref: ExternalRef) -> bool:
    """Tell whether nothing more will happen: over without completion, or its recording is kept."""
    session = session_of(ref.status)
    if session in DONE:
        booking = Booking.objects.only("id", "status").get(pk=ref.booking_id)
        return booking.status == BookingStatus.COMPLETED and keeping.has_recording(booking=booking)
    return session in ENDED

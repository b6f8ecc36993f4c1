"""Our notes on what the CRM holds for a booking, and on which of its states are our own doing.

`written_hash` of an appointment's reference lists the states it may be in because of us: the one
we left it in, and any we have begun to write. Whatever else it is in, somebody there has done.
"""

from __future__ import annotations

from uuid import UUID

from bookings.models import Booking
from integrations import refs
from integrations.ghl.mapping import State
from integrations.models import ExternalRef
from integrations.states import Destination

CONTACT, OPPORTUNITY, APPOINTMENT = "contact", "opportunity", "appointment"
_KEPT = 3


def find(*, booking_id: UUID, kind: str) -> ExternalRef | None:
    """Give a booking's object of a kind, or None."""
    found = refs.find(booking_id=booking_id, system=Destination.GHL, kind=kind)
    return found[0] if found else None


def write(
    *, booking: Booking, kind: str, external_id: str, written_hash: str = "", status: str = ""
) -> ExternalRef:
    """Note that an object shows the booking as it is."""
    return refs.write(
        booking_id=booking.pk,
        system=Destination.GHL,
        kind=kind,
        external_id=external_id,
        version=booking.version,
        written_hash=written_hash,
        status=status,
    )


def is_ours(*, ref: ExternalRef, state: State) -> bool:
    """Tell whether an appointment is in a state that we may have left it in."""
    return state.hash in ref.written_hash.split(",")


def expect(*, ref: ExternalRef, state: State) -> ExternalRef:
    """Note, before it is written, that an appointment may soon be in a state because of us."""
    if is_ours(ref=ref, state=state):
        return ref
    hashes = [known for known in ref.written_hash.split(",") if known][-(_KEPT - 1) :]
    return refs.write(
        booking_id=ref.booking_id,
        system=Destination.GHL,
        kind=ref.kind,
        container=ref.container,
        external_id=ref.external_id,
        version=ref.version,
        written_hash=",".join([*hashes, state.hash]),
        status=ref.status,
    )


def adopt(*, booking: Booking, external_id: str, state: State) -> ExternalRef:
    """Write down an appointment of ours that was found there: what it shows is not known."""
    return refs.write(
        booking_id=booking.pk,
        system=Destination.GHL,
        kind=APPOINTMENT,
        external_id=external_id,
        version=0,
        written_hash=state.hash,
        status=state.status,
    )

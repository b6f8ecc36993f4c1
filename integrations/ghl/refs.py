"""Our notes on what the CRM holds for a booking, and on which of its states are our own doing.

`written_hash` of an appointment's reference lists the states it may be in because of us: the one
we left it in, and any we have begun to write. Whatever else it is in, somebody there has done. One
that the booking could not follow is marked: should something in the CRM insist, it is put back
every ten minutes, not every second.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from bookings.models import Booking
from integrations import refs
from integrations.ghl.mapping import State
from integrations.models import ExternalRef
from integrations.states import Destination

CONTACT, OPPORTUNITY, APPOINTMENT = "contact", "opportunity", "appointment"
_KEPT = 3
_REFUSED = "!"
_PEACE = timedelta(minutes=10)


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


def was_refused(*, ref: ExternalRef, state: State, now: datetime) -> bool:
    """Tell whether a person was told just now that the booking cannot follow to this state."""
    is_known = _REFUSED + state.hash in ref.written_hash.split(",")
    return is_known and now - ref.updated_at < _PEACE


def expect(*, ref: ExternalRef, state: State) -> ExternalRef:
    """Note, before it is written, that an appointment may soon be in a state because of us."""
    return ref if is_ours(ref=ref, state=state) else _add(ref, state.hash)


def refuse(*, ref: ExternalRef, state: State) -> ExternalRef:
    """Note that the booking cannot follow to a state, and that a person was told."""
    others = [known for known in ref.written_hash.split(",") if not known.startswith(_REFUSED)]
    ref.written_hash = ",".join(others)
    return _add(ref, _REFUSED + state.hash)


def settled_hash(*, ref: ExternalRef | None, state: State) -> str:
    """Give what is known once an appointment was brought to a state: this one, and the refused."""
    known = ref.written_hash.split(",") if ref else []
    return ",".join([*(each for each in known if each.startswith(_REFUSED)), state.hash])


def _add(ref: ExternalRef, known: str) -> ExternalRef:
    hashes = [each for each in ref.written_hash.split(",") if each][-(_KEPT - 1) :]
    return refs.write(
        booking_id=ref.booking_id,
        system=Destination.GHL,
        kind=ref.kind,
        container=ref.container,
        external_id=ref.external_id,
        version=ref.version,
        written_hash=",".join([*hashes, known]),
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

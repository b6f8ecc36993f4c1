"""What every kind of calendar shares: a booking is one event, in its present notary's calendar.

An event's id is ours, so the reference is written before the call: whatever is cut off is found
again under that id, and nothing is ever made twice. Doing a job again, at any time, is harmless.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from bookings import notary_calendar
from bookings.models import Booking, Notary
from hmnp.core import transactions
from hmnp.core.cases import CaseKind, settle_case
from hmnp.core.crashpoints import crashpoint
from integrations import refs
from integrations.errors import ConnectorError, NoLongerWanted
from integrations.models import ExternalRef
from integrations.receipts import Receipt
from integrations.states import Destination

EVENT = "event"

# What `ExternalRef.status` says of an event.
WRITING = "being written"
HELD = "confirmed"
MOVED = "moved outside"
DELETED = "deleted outside"
REMOVED = "removed"


class CalendarSystem(Protocol):
    """One kind of calendar, such as Google's; all calls go over the network and raise
    `ConnectorError`.
    """

    system: Destination
    # What ids of this kind end with.
    id_ending: str

    def home_of(self, *, notary: Notary) -> str | None:
        """Give the calendar of this kind that a notary's appointments live in, if there is one."""

    def put(self, *, booking: Booking, container: str, external_id: str) -> str:
        """Make the event equal to the booking, present or not, and give the id it has then."""

    def remove(self, *, container: str, external_id: str) -> None:
        """Take the event out, if it is there."""


def bring(*, calendar: CalendarSystem, booking: Booking) -> Receipt:
    """Bring one kind of calendar to the booking's state: one event in its home, none elsewhere.

    Raises `ConnectorError`, and `NoLongerWanted` when no such calendar has to do with it.
    """
    home = None
    if notary_calendar.is_kept(booking=booking) and booking.notary is not None:
        home = calendar.home_of(notary=booking.notary)
    written = {
        ref.container: ref
        for ref in refs.find(booking_id=booking.pk, system=calendar.system, kind=EVENT)
    }
    trouble = None
    removed = 0
    for ref in written.values():
        if ref.container == home or ref.status == REMOVED:
            continue
        try:
            _remove(calendar, booking, ref)
            removed += 1
        except ConnectorError as error:
            # The notary who has the job now must see it, whatever ails the other's calendar.
            trouble = error
    if home is None and not removed and trouble is None:
        raise NoLongerWanted("no calendar of this kind has to hold the booking")
    external_id = _put(calendar, booking, home, written.get(home)) if home else ""
    if trouble is not None:
        raise trouble
    _settle(booking, calendar.system)
    did = "written" if home else "removed"
    note = {"destination": calendar.system.value, "event": did}
    return Receipt(external_id=external_id, note=note)


def _put(calendar: CalendarSystem, booking: Booking, home: str, ref: ExternalRef | None) -> str:
    first = event_id(booking_id=booking.pk, container=home) + calendar.id_ending
    before = ref.external_id if ref else first
    written_hash = time_hash(starts_at=booking.starts_at, ends_at=booking.ends_at)
    _note_ref(calendar, booking, home, before, WRITING, written_hash, version=0)
    crashpoint("calendar.noted")
    external_id = calendar.put(booking=booking, container=home, external_id=before)
    crashpoint("calendar.put")
    _note_ref(calendar, booking, home, external_id, HELD, written_hash, version=booking.version)
    return external_id


def _remove(calendar: CalendarSystem, booking: Booking, ref: ExternalRef) -> None:
    args = (calendar, booking, ref.container, ref.external_id)
    _note_ref(*args, WRITING, ref.written_hash, version=0)
    calendar.remove(container=ref.container, external_id=ref.external_id)
    crashpoint("calendar.removed")
    _note_ref(*args, REMOVED, ref.written_hash, version=booking.version)


def _note_ref(
    calendar: CalendarSystem,
    booking: Booking,
    container: str,
    external_id: str,
    status: str,
    written_hash: str,
    *,
    version: int,
) -> None:
    refs.write(
        booking_id=booking.pk,
        system=calendar.system,
        kind=EVENT,
        container=container,
        external_id=external_id,
        version=version,
        written_hash=written_hash,
        status=status,
    )


def _settle(booking: Booking, system: Destination) -> None:
    key = change_key(system=system, booking_id=booking.pk)
    transactions.run(
        lambda: settle_case(
            kind=CaseKind.OUTSIDE_CHANGE, key=key, how="the calendar was brought up to date"
        )
    )


def event_id(*, booking_id: UUID, container: str, generation: int = 0) -> str:
    """Give the id of a booking's event in one calendar: hex, the same whenever it is asked.

    A later `generation` is for a calendar that lets an id be used no more.
    """
    place = hashlib.sha256(f"{generation}:{container}".encode()).hexdigest()[:16]
    return f"{booking_id.hex}{place}"


def time_hash(*, starts_at: datetime, ends_at: datetime) -> str:
    """Give what tells our own event's time from one that somebody moved."""
    text = "/".join(f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}" for at in (starts_at, ends_at))
    return hashlib.sha256(text.encode()).hexdigest()


def change_key(*, system: Destination, booking_id: UUID) -> str:
    """Name the case of a booking's event that was changed outside."""
    return f"{system.value}:{booking_id}"

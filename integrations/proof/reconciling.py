"""Compare Proof with the bookings: one open transaction each, equal to the booking, or none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from bookings.models import Booking
from bookings.sessions import DONE, ENDED, SessionStatus
from integrations.differences import Difference, Repair
from integrations.models import ExternalRef, OutboxJob
from integrations.proof import client, holdings
from integrations.proof.mapping import LIVE, Transaction, Wanted, wanted
from integrations.states import Destination, JobState
from services.definitions import ServiceType

# A booking is made at most ninety days ahead.
_LOOK_BACK = timedelta(days=100)
_STILL_OPEN = (JobState.READY.value, JobState.RUNNING.value, JobState.DEAD.value)


def differences(*, now: datetime) -> Iterator[Difference]:
    """Give what differs; a booking whose job is on its way, or dead, has been told of already."""
    held: dict[str, list[Transaction]] = defaultdict(list)
    for one in client.changed_since(moment=now - _LOOK_BACK):
        held[one.external_id].append(one)
    yield from _unknown(held)
    underway = set(
        OutboxJob.objects.filter(
            destination=Destination.PROOF.value, state__in=_STILL_OPEN
        ).values_list("booking_id", flat=True)
    )
    for booking in _bookings(held, now):
        if booking.pk not in underway:
            yield from _compare(booking, held.get(str(booking.pk), []), now)


def _bookings(held: dict[str, list[Transaction]], now: datetime) -> list[Booking]:
    live = Booking.objects.filter(service__type=ServiceType.RON, status__in=LIVE, ends_at__gt=now)
    held_ids = [one for one in map(_uuid, held) if one is not None]
    wanted_ids = {*live.values_list("pk", flat=True), *held_ids}
    return list(Booking.objects.select_related("service").filter(pk__in=wanted_ids))


def _unknown(held: dict[str, list[Transaction]]) -> Iterator[Difference]:
    """Give open transactions under a name like ours, but of no booking."""
    ids = {name: _uuid(name) for name in held}
    known = set(
        Booking.objects.filter(pk__in=[one for one in ids.values() if one]).values_list(
            "pk", flat=True
        )
    )
    for name, booking_id in ids.items():
        if booking_id is None or booking_id in known:
            continue
        for one in held[name]:
            if one.session not in ENDED:
                yield _difference(one.id, "an open session of no booking", None, Repair.ASK)


def _compare(booking: Booking, held: list[Transaction], now: datetime) -> Iterator[Difference]:
    ref = holdings.ref_of(booking_id=booking.pk)
    is_open = [one for one in held if one.session not in ENDED]
    ours = next((one for one in held if ref and one.id == ref.external_id), None)
    name = ours.id if ours else (ref.external_id if ref else "")
    for twin in is_open:
        if ours is not None and twin.id != ours.id:
            holdings.note_twin(booking_id=booking.pk, transaction_id=twin.id)
            yield _difference(twin.id, "a second open session", booking.pk, Repair.RESYNC)
    if any(one.session in DONE for one in held):
        if booking.status in LIVE:
            yield _difference(name, "completed there, but not here", booking.pk, Repair.RESYNC)
        return
    wish = wanted(booking)
    if wish is None:
        if is_open:
            what = f"an open session, but the booking is {booking.status}"
            yield _difference(is_open[0].id, what, booking.pk, Repair.RESYNC)
    elif wish.closes_at > now and (what := _lack(ref, ours, is_open, wish)):
        yield _difference(name or str(booking.pk), what, booking.pk, Repair.RESYNC)


def _lack(
    ref: ExternalRef | None, ours: Transaction | None, is_open: list[Transaction], wish: Wanted
) -> str:
    """Say how the transaction falls short of what is wanted, or nothing."""
    if ours is None or ref is None:
        return "no session" if not is_open else "an open session that is not written down"
    if ours.session in ENDED:
        # It ended there; a person has been called, and what they decide is not undone.
        return "" if ref.written_hash else "no session"
    if not holdings.shows(transaction=ours, wanted=wish):
        return "other times or signers than the booking"
    if ours.session is SessionStatus.PREPARING and wish.is_complete:
        return "nobody was invited, though everything is there"
    documents = holdings.documents_of(booking_id=wish.booking_id, transaction=ours)
    return "" if set(documents) == wish.document_ids else "other documents than the booking"


def _difference(external_id: str, what: str, booking_id: UUID | None, repair: Repair) -> Difference:
    return Difference(
        system=Destination.PROOF,
        external_id=external_id,
        what=what,
        repair=repair,
        booking_id=booking_id,
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

"""The only place in this app that locks, in the order of `docs/floor-plan.md`.

A notary's calendar is guarded by a transaction-level advisory lock: a row lock on an empty slot
protects nothing, and the exclusion constraint alone deadlocks under a storm.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db.models import DateTimeField, Func

from bookings.errors import HoldNotFound
from bookings.models import Booking, SlotClaim
from bookings.states import LIVE_CLAIM_STATES
from hmnp.core.errors import NotFound
from hmnp.core.idempotency import Idempotency, Locks
from hmnp.core.transactions import RollBackAndRetry

# The first key of each two-part advisory lock.
_HOLDERS = 1
_NOTARIES = 2

_LIVE = [state.value for state in LIVE_CLAIM_STATES]


def lock_notaries(
    *,
    notary_ids: Collection[int],
    holder_key: str | None = None,
    after: Idempotency | None = None,
) -> None:
    """Take the calendars of these notaries, in ascending order, until the transaction ends.

    Before them, in the same statement, `after` is begun, and `holder_key` is locked, so that one
    request at a time counts this holder's live holds. Raises what `Idempotency.begin` raises.
    """
    wanted = [(_HOLDERS, _number(holder_key))] if holder_key is not None else []
    wanted += [(_NOTARIES, notary_id) for notary_id in sorted(set(notary_ids))]
    rows = "SELECT * FROM unnest(%s::int[], %s::int[]) AS wanted(space, id)"
    spaces, ids = [space for space, _ in wanted], [number for _, number in wanted]
    _take(Locks(rows=rows, values=(spaces, ids)), after)


def lock_claim(
    *, claim_id: UUID, also_notary: int | None = None, after: Idempotency | None = None
) -> SlotClaim:
    """Take the calendar of a claim's notary (and one more) and give the claim as it is then.

    In the same statement `after` is begun first. The claim comes with its notary, and with the
    database's clock as `read_at`. Raises `HoldNotFound`, what `Idempotency.begin` raises, and
    `RollBackAndRetry` when the claim changed hands meanwhile.
    """
    rows = """
        SELECT %s AS space, id::int FROM (
            SELECT notary_id AS id FROM bookings_slotclaim WHERE id = %s
            UNION SELECT unnest(%s::bigint[])) AS wanted
        ORDER BY id"""
    others = [] if also_notary is None else [also_notary]
    locked = _take(Locks(rows=rows, values=(_NOTARIES, claim_id, others)), after)
    claim = (
        SlotClaim.objects.select_related("notary")
        .annotate(clock=Func(function="clock_timestamp", output_field=DateTimeField()))
        .filter(pk=claim_id)
        .first()
    )
    if claim is None:
        raise HoldNotFound
    if claim.notary_id not in locked:
        raise RollBackAndRetry
    claim.read_at = claim.clock
    return claim


def _take(locks: Locks, after: Idempotency | None) -> list[int]:
    return locks.take() if after is None else after.begin(then=locks)


def _number(text: str) -> int:
    """Give a holder's half of a lock: a signed number of 32 bits, the same in every process."""
    return zlib.crc32(text.encode()) - 2**31


@dataclass
class LockedBooking:
    """A booking under its row lock, and its live claim under its notary's."""

    booking: Booking
    claim: SlotClaim | None


def lock_booking(*, booking_id: UUID, also_notary: int | None = None) -> LockedBooking:
    """Take the calendars a booking touches, then its row; give both as they are then.

    Raises `NotFound`, and `RollBackAndRetry` when the claim changed hands meanwhile.
    """
    wanted = set(
        SlotClaim.objects.filter(booking_id=booking_id, state__in=_LIVE).values_list(
            "notary_id", flat=True
        )
    )
    if also_notary is not None:
        wanted.add(also_notary)
    if wanted:
        lock_notaries(notary_ids=wanted)
    booking = lock_booking_row(booking_id=booking_id)
    claim = live_claim_of(booking_id=booking_id)
    if claim is not None and claim.notary_id not in wanted:
        raise RollBackAndRetry
    return LockedBooking(booking=booking, claim=claim)


def lock_booking_row(*, booking_id: UUID) -> Booking:
    """Lock a booking's row alone; the notaries it touches must be locked already, if any.

    Raises `NotFound`.
    """
    booking = (
        Booking.objects.select_for_update(of=("self",))
        .select_related("service", "notary", "partner")
        .filter(pk=booking_id)
        .first()
    )
    if booking is None:
        raise NotFound
    return booking


def live_claim_of(*, booking_id: UUID) -> SlotClaim | None:
    """Give the live claim of a booking, if it has one."""
    return SlotClaim.objects.filter(booking_id=booking_id, state__in=_LIVE).first()

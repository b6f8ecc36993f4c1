"""The only place in this app that locks, in the order of `docs/floor-plan.md`.

A notary's calendar is guarded by a transaction-level advisory lock: a row lock on an empty slot
protects nothing, and the exclusion constraint alone deadlocks under a storm.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from bookings.errors import HoldNotFound
from bookings.models import Booking, SlotClaim
from bookings.states import LIVE_CLAIM_STATES
from hmnp.core.errors import NotFound
from hmnp.core.transactions import RollBackAndRetry

# The first key of each two-part advisory lock.
_HOLDERS = 1
_NOTARIES = 2

_LIVE = [state.value for state in LIVE_CLAIM_STATES]


def lock_holder(*, holder_key: str) -> None:
    """Let one request at a time count this holder's live holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('lock_timeout', '3s', true),"
            " pg_advisory_xact_lock(%s, hashtext(%s))",
            [_HOLDERS, holder_key],
        )


def lock_notaries(*, notary_ids: Collection[int]) -> None:
    """Take the calendars of these notaries, in ascending order, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('lock_timeout', '3s', true), pg_advisory_xact_lock(%s, id)"
            " FROM (SELECT unnest(%s::int[]) AS id ORDER BY 1) AS sorted",
            [_NOTARIES, sorted(set(notary_ids))],
        )


def lock_claim(*, claim_id: UUID, also_notary: int | None = None) -> SlotClaim:
    """Take the calendar of a claim's notary (and one more) and give the claim as it is then.

    Raises `HoldNotFound`, and `RollBackAndRetry` when the claim changed hands meanwhile.
    """
    notary_id = SlotClaim.objects.filter(pk=claim_id).values_list("notary_id", flat=True).first()
    if notary_id is None:
        raise HoldNotFound
    wanted = {notary_id} if also_notary is None else {notary_id, also_notary}
    lock_notaries(notary_ids=wanted)
    claim = SlotClaim.objects.get(pk=claim_id)
    if claim.notary_id not in wanted:
        raise RollBackAndRetry
    return claim


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

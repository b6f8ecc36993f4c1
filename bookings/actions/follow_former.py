"""Do to a booking what the system before this one did, as its customer was told there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from bookings import claims, locks, timeline
from bookings.actions.begin_closing import begin_closing
from bookings.actions.import_bookings import Placed
from bookings.chain import Reason
from bookings.claims import Occupied
from bookings.errors import InvalidStatusTransition
from bookings.events import (
    BookingCancelled,
    BookingCompleted,
    BookingEvent,
    BookingNoShow,
    BookingRescheduled,
    BookingStarted,
    BookingUpdated,
)
from bookings.locks import LockedBooking
from bookings.models import Booking
from bookings.policy import FORMER_TIER
from bookings.quoting import booked_facts
from bookings.states import BookingStatus, ClaimState, TimelineAction, may_move
from bookings.waiting_places import add_waiting_place, waiting_place_ids
from hmnp.core import transactions
from hmnp.core.context import FORMER
from hmnp.core.events import emit
from services.catalogue import require_service

_STEPS = {
    BookingStatus.IN_PROGRESS: (TimelineAction.STARTED, BookingStarted),
    BookingStatus.COMPLETED: (TimelineAction.COMPLETED, BookingCompleted),
}


@dataclass(frozen=True)
class Followed:
    """What the other system changed; None or empty: not that."""

    status: BookingStatus | None = None
    starts_at: datetime | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    cancelled_by: str = ""
    cancel_reason: str = ""


def follow_former(*, booking_id: UUID, followed: Followed, now: datetime) -> Placed | None:
    """Follow details, time and status, in that order; give where a moved booking is held.

    Nothing is owed back: the other system has settled the money. Raises `NotFound` and
    `InvalidStatusTransition` when the booking has gone another way here.
    """

    def work() -> Placed | None:
        places = _candidates(booking_id) if followed.starts_at else []
        locked = locks.lock_booking(booking_id=booking_id)
        if followed.details:
            _correct(locked.booking, followed.details, now)
        placed = _move(locked, followed.starts_at, places, now) if followed.starts_at else None
        if followed.status is not None:
            _go(locked, followed, now)
        return placed

    return transactions.run(work)


def _candidates(booking_id: UUID) -> list[int]:
    """Take the calendars a move may need, before the booking."""
    own = Booking.objects.filter(pk=booking_id).values_list("notary_id", flat=True).first()
    places = [own] if own is not None else []
    places += waiting_place_ids() or [add_waiting_place()]
    places = list(dict.fromkeys(places))
    locks.lock_notaries(notary_ids=places)
    return places


def _correct(booking: Booking, details: Mapping[str, Any], now: datetime) -> None:
    timeline.apply(
        booking=booking,
        action=TimelineAction.UPDATED,
        actor=FORMER,
        now=now,
        changes=details,
    )
    emit(BookingUpdated(**_fact(booking), previous_email=None))


def _move(
    locked: LockedBooking, starts_at: datetime, places: list[int], now: datetime
) -> Placed | None:
    booking, claim = locked.booking, locked.claim
    if booking.starts_at == starts_at:
        return None
    if claim is None:
        raise InvalidStatusTransition("It takes no time here any more.")
    service = require_service(id_or_slug=booking.service_id)
    facts = booked_facts(booking=booking, service=service, starts_at=starts_at)
    previous_start, previous_notary = booking.starts_at, booking.notary_id
    reason: Reason | None = None
    for notary_id in places:
        try:
            # A refusal must undo what was taken out of the chain first.
            with transaction.atomic():
                claim = claims.move(claim=claim, facts=facts, notary_id=notary_id, is_agreed=True)
        except Occupied as occupied:
            reason = reason or occupied.reason
            continue
        break
    else:
        raise InvalidStatusTransition("No calendar can hold the new time.")
    timeline.apply(
        booking=booking,
        action=TimelineAction.RESCHEDULED,
        actor=FORMER,
        now=now,
        changes={
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(minutes=service.duration_minutes),
            "tier_starts_at": starts_at,
            "notary_id": claim.notary_id,
        },
    )
    emit(
        BookingRescheduled(
            **_fact(booking),
            previous_starts_at=previous_start,
            previous_notary_id=previous_notary,
        )
    )
    moved_away = claim.notary_id != previous_notary
    return Placed(booking.pk, claim.notary_id, reason if moved_away else None)


def _go(locked: LockedBooking, followed: Followed, now: datetime) -> None:
    booking = locked.booking
    target = followed.status
    if target is None or booking.status == target:
        return
    if target is BookingStatus.COMPLETED and booking.status == BookingStatus.CONFIRMED:
        _step(booking, BookingStatus.IN_PROGRESS, now)
    if not may_move(source=BookingStatus(booking.status), target=target):
        raise InvalidStatusTransition(f"It is {booking.status} here, and {target} there.")
    if target in (BookingStatus.CANCELLED, BookingStatus.NO_SHOW):
        _end(locked, followed, now)
    elif target in _STEPS:
        _step(booking, target, now)
    else:
        raise InvalidStatusTransition(f"It is {booking.status} here, and {target} there.")


def _step(booking: Booking, target: BookingStatus, now: datetime) -> None:
    action, fact = _STEPS[target]
    timeline.apply(
        booking=booking, action=action, actor=FORMER, now=now, changes={"status": target.value}
    )
    emit(fact(**_fact(booking)))


def _end(locked: LockedBooking, followed: Followed, now: datetime) -> None:
    booking, claim = locked.booking, locked.claim
    previous = booking.status
    is_cancelled = followed.status is BookingStatus.CANCELLED
    changes: dict[str, Any] = {
        "status": BookingStatus.CANCELLED.value if is_cancelled else BookingStatus.NO_SHOW.value,
        "cancel_tier": FORMER_TIER,
        "cancel_kept_cents": booking.net_paid_cents,
        "expires_at": None,
    }
    if is_cancelled:
        changes |= {
            "cancelled_at": now,
            "cancelled_by": followed.cancelled_by,
            "cancel_reason": followed.cancel_reason,
        }
    action = TimelineAction.CANCELLED if is_cancelled else TimelineAction.NO_SHOW
    timeline.apply(booking=booking, action=action, actor=FORMER, now=now, changes=changes)
    if is_cancelled and claim is not None and claim.state == ClaimState.BOOKED:
        claims.release(claim=claim, service=require_service(id_or_slug=claim.service_id))
    elif is_cancelled and claim is not None:
        begin_closing(claim=claim)
    if is_cancelled:
        emit(BookingCancelled(**_fact(booking), previous_status=previous))
    else:
        emit(BookingNoShow(**_fact(booking)))


def _fact(booking: Booking) -> dict[str, Any]:
    fact = BookingEvent(booking_id=booking.pk, version=booking.version, actor=FORMER)
    return dict(vars(fact))

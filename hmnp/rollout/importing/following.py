"""Do here what V1 did to a booking or a payment that is here already.

Only what V1 changed is followed, so that what was changed here meanwhile stays. What cannot be
followed is a case.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from bookings.actions.follow_former import Followed, follow_former
from bookings.models import Booking
from bookings.states import BookingStatus
from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case
from hmnp.core.errors import DomainError
from hmnp.rollout.importing.booking_chunks import open_conflict
from hmnp.rollout.importing.fates import settle_row
from hmnp.rollout.models import V1Row
from hmnp.rollout.states import RowState, Table
from hmnp.rollout.v1.bookings import Plan, Unreadable, plan_booking
from hmnp.rollout.v1.context import Context, our_id
from hmnp.rollout.v1.payments import Money, read_money
from hmnp.rollout.v1.statuses import ENDED
from payments.actions.follow_former_payment import follow_former_payment

_TWIN = "the same customer, service and time as another booking"
_DETAILS = (
    "customer_name",
    "customer_email",
    "customer_phone",
    "street",
    "city",
    "state",
    "zip_code",
    "special_instructions",
)


def follow_booking(*, kept: V1Row, context: Context) -> Booking | None:
    """Bring the booking of a changed row to what V1 says now; None when it cannot be read."""
    booking = _booking(kept.target)
    if booking is None:
        settle_row(kept.pk, state=RowState.REJECTED, reason="what it became is not here")
        return None
    try:
        after = _plan(kept.row, context)
        before = _plan(kept.previous or kept.row, context)
    except Unreadable as error:
        _case(booking, f"V1 changed it to what cannot be read: {error.reason}")
        _settle(kept, error.reason)
        return None
    if is_twin(kept):
        _settle(kept, _TWIN)
        if after.booking.status != BookingStatus.CANCELLED:
            _case(booking, "V1 changed a second booking of the same customer and time.")
        return booking
    followed = _changes(before, after)
    try:
        placed = follow_former(booking_id=booking.pk, followed=followed, now=context.now)
    except DomainError as error:
        _case(booking, f"V1 changed it, and the booking here cannot follow: {error.message}")
        _settle(kept, error.message)
        return booking
    _settle(kept, "; ".join(after.notes))
    if placed is not None and placed.reason is not None:
        transactions.run(lambda: open_conflict(placed, after.booking.starts_at))
    booking.refresh_from_db()
    return booking


def is_twin(kept: V1Row) -> bool:
    """Tell whether a booking of V1's was merged into another: what becomes of it is its own."""
    return kept.target != str(our_id(Table.BOOKING, kept.v1_id))


def _plan(row: Any, context: Context) -> Plan:
    return plan_booking(row=row, payments=[], context=context, used_intents=set())


def _changes(before: Plan, after: Plan) -> Followed:
    old, new = before.booking, after.booking
    return Followed(
        status=new.status if _is_told(old.facts["v1Status"], new.facts["v1Status"]) else None,
        starts_at=new.starts_at if new.starts_at != old.starts_at else None,
        details={
            name: getattr(new, name)
            for name in _DETAILS
            if getattr(new, name) != getattr(old, name)
        },
        cancelled_by=new.cancelled_by,
        cancel_reason=new.cancel_reason,
    )


def _is_told(before: str, after: str) -> bool:
    """Tell whether V1 said something that our status does not say by itself.

    Between its words for an appointment that stands nothing happens; and time alone changes what a
    word means here, but not what V1 has done.
    """
    told = (*ENDED, "IN_PROGRESS")
    return before != after and (after in told or before in ENDED)


def _settle(kept: V1Row, reason: str) -> None:
    state = RowState.MERGED if is_twin(kept) else RowState.IMPORTED
    settle_row(kept.pk, state=state, target=kept.target, reason=reason)


def _case(booking: Booking, summary: str) -> None:
    transactions.run(
        lambda: open_case(
            kind=CaseKind.V1_CONFLICT,
            key=f"follow:{booking.pk}",
            subject=f"booking:{booking.pk}",
            summary=summary[:300],
            repair="follow_by_hand",
            booking_id=booking.pk,
        )
    )


def follow_payment(*, kept: V1Row, now: datetime) -> None:
    """Take over money that came, or went back, after its booking was taken over."""
    parent = V1Row.objects.filter(table="Booking", v1_id=kept.parent_id).first()
    booking = _booking(parent.target) if parent else None
    if parent is None or booking is None:
        settle_row(kept.pk, state=RowState.REJECTED, reason="its booking is not here")
        return
    found = _read_one(kept, booking, now)
    fate = found.fates[0]
    if not found.payments:
        settle_row(kept.pk, state=fate.state, target=fate.target, reason=fate.reason)
        return

    def work() -> None:
        follow_former_payment(payment=found.payments[0], now=now)
        settle_row(kept.pk, state=fate.state, target=fate.target, reason=fate.reason)

    try:
        transactions.run(work)
    except DomainError as error:
        _case(booking, error.message)
        settle_row(kept.pk, state=RowState.REJECTED, reason=error.message)


def _read_one(kept: V1Row, booking: Booking, now: datetime) -> Money:
    return read_money(
        booking={},
        booking_id=booking.pk,
        price_cents=booking.price_cents,
        rows=[kept.row],
        created_at=min(booking.created_at, now),
        refund_reason_key="v1",
        used_intents=set(),
    )


def _booking(target: str) -> Booking | None:
    try:
        return Booking.objects.filter(pk=UUID(target)).first()
    except ValueError:
        return None

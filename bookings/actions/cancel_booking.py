"""Cancel a booking; the row stays, the time is free, the policy says what goes back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bookings import claims, locks, promotions, timeline
from bookings.actions.begin_closing import begin_closing
from bookings.errors import CannotCancel
from bookings.events import BookingCancelled
from bookings.models import Booking
from bookings.policy import BY_US, Policy, Settlement, settle
from bookings.refunds_owed import owe_refund, settlement_changes
from bookings.states import BookingStatus, ClaimState, TimelineAction
from hmnp.core import transactions
from hmnp.core.context import Actor, ActorType
from hmnp.core.crashpoints import crashpoint
from hmnp.core.errors import PreconditionFailed
from hmnp.core.events import emit
from services.catalogue import require_service

_BY_CUSTOMER = (BookingStatus.PENDING_PAYMENT, BookingStatus.CONFIRMED)
_BY_STAFF = (*_BY_CUSTOMER, BookingStatus.IN_PROGRESS)


def cancel_booking(
    *,
    booking_id: UUID,
    reason: str,
    actor: Actor,
    now: datetime,
    expected_version: int | None = None,
    by_us: bool = False,
) -> Booking:
    """Cancel, and state what is owed back; cancelling again gives the same booking.

    `by_us`: the company calls it off, and everything goes back. Raises `NotFound`,
    `CannotCancel`, `PreconditionFailed`.
    """

    def work() -> Booking:
        locked = locks.lock_booking(booking_id=booking_id)
        booking, claim = locked.booking, locked.claim
        if booking.status == BookingStatus.CANCELLED:
            return booking
        if expected_version is not None and booking.version != expected_version:
            raise PreconditionFailed
        settlement = preview_cancellation(booking=booking, actor=actor, now=now, by_us=by_us)
        previous_status = booking.status
        was_unpaid = booking.net_paid_cents == 0
        timeline.apply(
            booking=booking,
            action=TimelineAction.CANCELLED,
            actor=actor,
            now=now,
            changes={
                "status": BookingStatus.CANCELLED.value,
                "cancelled_at": now,
                "cancelled_by": actor.type.value,
                "cancel_reason": reason,
                **settlement_changes(settlement),
                "expires_at": None,
            },
        )
        if claim is not None and claim.state == ClaimState.BOOKED:
            claims.release(claim=claim, service=require_service(id_or_slug=claim.service_id))
        elif claim is not None:
            # An intent may be open: the time is free once it is known to be dead.
            begin_closing(claim=claim)
        if was_unpaid:
            promotions.give_back(booking=booking, now=now)
        emit(
            BookingCancelled(
                booking_id=booking.pk,
                version=booking.version,
                actor=actor,
                previous_status=previous_status,
            )
        )
        owe_refund(
            booking=booking,
            actor=actor,
            amount_cents=settlement.refund_cents,
            reason_key="cancel",
        )
        crashpoint("cancel.written")
        return booking

    booking = transactions.run(work)
    crashpoint("cancel.committed")
    return booking


def preview_cancellation(
    *, booking: Booking, actor: Actor, now: datetime, by_us: bool = False
) -> Settlement:
    """Say what cancelling now would keep and give back, in cents. Raises `CannotCancel`."""
    is_staff = actor.type == ActorType.ADMIN
    if booking.status not in (_BY_STAFF if is_staff else _BY_CUSTOMER):
        raise CannotCancel
    if not is_staff and booking.starts_at <= now:
        raise CannotCancel("The appointment has begun; please call us.")
    policy = Policy.from_snapshot(booking.policy)
    if by_us or booking.status == BookingStatus.PENDING_PAYMENT:
        tier = policy.tier(BY_US)
    else:
        tier = policy.tier_for(starts_at=min(booking.tier_starts_at, booking.starts_at), now=now)
    return settle(
        tier=tier,
        net_paid_cents=booking.net_paid_cents,
        travel_fee_cents=booking.pricing["travel_fee_cents"],
    )

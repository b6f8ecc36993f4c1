"""Count money that arrived, and let it do what it was for."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from bookings import timeline
from bookings.actions.confirm_booking import confirm_booking
from bookings.models import Booking, SlotClaim
from bookings.refunds_owed import owe_excess
from bookings.states import BookingStatus, ClaimState, TimelineAction
from hmnp.core.context import Actor


class PaymentOutcome(StrEnum):
    """What the money did: RECORDED it counts, CONFIRMED it made the booking stand, LATE the time
    is gone and must be won again, UNWANTED it goes back.
    """

    RECORDED = "RECORDED"
    CONFIRMED = "CONFIRMED"
    LATE = "LATE"
    UNWANTED = "UNWANTED"


def record_payment(
    *,
    booking: Booking,
    claim: SlotClaim | None,
    payment_id: UUID | None,
    amount_cents: int,
    kind: str,
    actor: Actor,
    now: datetime,
) -> PaymentOutcome:
    """Add `amount_cents` to a locked booking, whatever its state; the money is a fact.

    Confirms a booking that waited for it while its claim lives. What exceeds the price is owed
    back.
    """
    timeline.apply(
        booking=booking,
        action=TimelineAction.PAYMENT_PROCESSED,
        actor=actor,
        now=now,
        changes={"amount_paid_cents": booking.amount_paid_cents + amount_cents},
        metadata={"paymentId": payment_id, "amountCents": amount_cents, "kind": kind},
    )
    outcome = _outcome(booking=booking, claim=claim)
    if outcome is PaymentOutcome.CONFIRMED and claim is not None:
        confirm_booking(booking=booking, claim=claim, actor=actor, now=now)
    if outcome in (PaymentOutcome.RECORDED, PaymentOutcome.CONFIRMED):
        owe_excess(booking=booking, actor=actor, reason_key=f"excess-{booking.version}")
    return outcome


def _outcome(*, booking: Booking, claim: SlotClaim | None) -> PaymentOutcome:
    match BookingStatus(booking.status):
        case BookingStatus.PENDING_PAYMENT:
            if claim is None or claim.state not in (ClaimState.PAYING, ClaimState.CLOSING):
                return PaymentOutcome.LATE
            is_enough = booking.net_paid_cents >= booking.due_now_cents
            return PaymentOutcome.CONFIRMED if is_enough else PaymentOutcome.RECORDED
        case BookingStatus.EXPIRED:
            return PaymentOutcome.LATE
        case BookingStatus.CANCELLED | BookingStatus.NO_SHOW:
            return PaymentOutcome.UNWANTED
        case _:
            return PaymentOutcome.RECORDED

"""Change what a customer may change; a new time or ZIP is a move, with its own price."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from bookings import claims, locks, timeline
from bookings.errors import InvalidStatusTransition, SlotUnavailable
from bookings.events import BookingRepriced, BookingRescheduled, BookingUpdated
from bookings.locks import LockedBooking
from bookings.models import Booking
from bookings.policy import Move, Policy, judge_move
from bookings.quoting import Wanted, claim_facts
from bookings.refunds_owed import owe_excess
from bookings.slots import win
from bookings.states import BookingStatus, TimelineAction
from hmnp.core import transactions
from hmnp.core.context import Actor, ActorType
from hmnp.core.crashpoints import crashpoint
from hmnp.core.errors import NotFound, PreconditionFailed, ServiceUnavailable
from hmnp.core.events import emit
from services import quotes
from services.agreed import Agreed
from services.catalogue import require_service
from services.pricing import Pricing

_EDITABLE_STATUSES = (BookingStatus.PENDING_PAYMENT, BookingStatus.CONFIRMED)
_TRIES = 3


class _PlannedFromOldVersion(Exception):
    """Someone changed the booking between the plan and its lock: what it costs may differ."""


@dataclass(frozen=True)
class BookingChanges:
    """The new values of what changes, by the model's field names; the rest stays."""

    details: dict[str, Any] = field(default_factory=dict)
    starts_at: datetime | None = None
    signers: int | None = None
    documents: int | None = None


@dataclass(frozen=True)
class UpdatePlan:
    """What a change comes to, judged against the booking as it was read."""

    wanted: Wanted
    pricing: Pricing
    move: Move | None
    details: dict[str, Any]


def update_booking(
    *,
    booking_id: UUID,
    changes: BookingChanges,
    actor: Actor,
    now: datetime,
    expected_version: int | None = None,
) -> Booking:
    """Apply `changes`, all or nothing; the old time is free only if the new one is won.

    Dearer: the balance rises. Cheaper: what exceeds the new price is owed back. Raises
    `NotFound`, `PreconditionFailed`, `InvalidStatusTransition`, `SlotTaken`, `SlotUnavailable`
    and the refusals of a price.
    """
    for _ in range(_TRIES):
        booking = _read(booking_id, expected_version)
        plan = plan_update(booking=booking, changes=changes, actor=actor, now=now)
        try:
            changed = _carry_out(booking, plan, actor, now)
        except _PlannedFromOldVersion:
            continue
        crashpoint("update.committed")
        return changed
    raise ServiceUnavailable(retry_after=1)


def _carry_out(booking: Booking, plan: UpdatePlan, actor: Actor, now: datetime) -> Booking:
    def attempt(notary_id: int | None) -> Booking:
        locked = locks.lock_booking(booking_id=booking.pk, also_notary=notary_id)
        if locked.booking.version != booking.version:
            raise _PlannedFromOldVersion
        return _apply(locked=locked, plan=plan, notary_id=notary_id, actor=actor, now=now)

    if plan.move is None:
        return transactions.run(lambda: attempt(None))
    claim = locks.live_claim_of(booking_id=booking.pk)
    return win(
        service=plan.wanted.service,
        starts_at=plan.wanted.starts_at,
        zip_code=plan.wanted.zip_code,
        now=now,
        attempt=attempt,
        own_claim=claim.pk if claim else None,
        own_notary=booking.notary_id,
        keeps_time=plan.wanted.starts_at == booking.starts_at,
    )


def _read(booking_id: UUID, expected_version: int | None) -> Booking:
    booking = Booking.objects.select_related("service").filter(pk=booking_id).first()
    if booking is None:
        raise NotFound
    if expected_version is not None and booking.version != expected_version:
        raise PreconditionFailed
    return booking


def plan_update(
    *, booking: Booking, changes: BookingChanges, actor: Actor, now: datetime
) -> UpdatePlan:
    """Say what a change would cost and move, without changing anything.

    Raises `InvalidStatusTransition`, `SlotUnavailable` inside the notice, and the refusals of a
    price.
    """
    if booking.status not in _EDITABLE_STATUSES:
        raise InvalidStatusTransition
    service = require_service(id_or_slug=booking.service_id)
    details = {
        name: value for name, value in changes.details.items() if getattr(booking, name) != value
    }
    wanted = Wanted(
        service=service,
        starts_at=changes.starts_at or booking.starts_at,
        zip_code=(details.get("zip_code") or booking.zip_code) if service.is_mobile else None,
        signers=changes.signers or booking.signers,
        documents=changes.documents or booking.documents,
        promo_code=booking.promo_code or None,
    )
    is_retimed = wanted.starts_at != booking.starts_at
    is_moved = is_retimed or (wanted.zip_code or "") != booking.zip_code
    is_repriced = is_moved or (wanted.signers, wanted.documents) != (
        booking.signers,
        booking.documents,
    )
    move = _judge(booking, wanted, actor, now) if is_moved else None
    agreed = Pricing.from_snapshot(booking.pricing)
    if not is_repriced:
        pricing = agreed
    else:
        pricing = quotes.quote(
            **wanted.facts(),
            now=now,
            is_emergency=None if is_retimed else booking.is_emergency,
            move_fee_cents=booking.move_fee_cents + (move.fee_cents if move else 0),
            is_promo_taken=True,
            agreed=_still_agreed(agreed, booking=booking, wanted=wanted),
        )
    return UpdatePlan(wanted=wanted, pricing=pricing, move=move, details=details)


def _still_agreed(pricing: Pricing, *, booking: Booking, wanted: Wanted) -> Agreed:
    """Give what staff agreed and still holds: a travel fee is for the place it was agreed for."""
    if (wanted.zip_code or "") == booking.zip_code:
        return pricing.agreed
    return replace(pricing.agreed, travel_fee_cents=None)


def _judge(booking: Booking, wanted: Wanted, actor: Actor, now: datetime) -> Move:
    by_us = actor.type == ActorType.ADMIN
    notice_ends = (booking.starts_at - now).total_seconds() < wanted.service.notice_minutes * 60
    if not by_us and notice_ends:
        raise SlotUnavailable("It is too close to the appointment to move it; please call us.")
    return judge_move(
        policy=Policy.from_snapshot(booking.policy),
        starts_at=booking.starts_at,
        new_starts_at=wanted.starts_at,
        tier_starts_at=booking.tier_starts_at,
        now=now,
        by_us=by_us or booking.status == BookingStatus.PENDING_PAYMENT,
    )


def _apply(
    *,
    locked: LockedBooking,
    plan: UpdatePlan,
    notary_id: int | None,
    actor: Actor,
    now: datetime,
) -> Booking:
    booking, claim, wanted = locked.booking, locked.claim, plan.wanted
    if claim is None:
        raise InvalidStatusTransition
    # Read before the claim is described anew: an intent fixed what is due, not the price.
    due_is_frozen = claim.intent_at is not None or booking.status != BookingStatus.PENDING_PAYMENT
    facts = claim_facts(wanted=wanted, pricing=plan.pricing)
    if plan.move is not None and notary_id is not None:
        claims.move(claim=claim, facts=facts, notary_id=notary_id)
    elif not wanted.is_same_as(claim):
        claims.redescribe(claim=claim, facts=facts)
    due_cents = booking.due_now_cents if due_is_frozen else plan.pricing.deposit_required_cents
    before = (booking.starts_at, booking.notary_id, booking.customer_email, booking.due_now_cents)
    values = {
        **plan.details,
        "starts_at": claim.starts_at,
        "ends_at": claim.ends_at,
        "notary_id": claim.notary_id,
        "signers": wanted.signers,
        "documents": wanted.documents,
        "pricing": plan.pricing.to_snapshot(),
        "price_cents": plan.pricing.final_price_cents,
        "due_now_cents": due_cents,
        "is_emergency": plan.pricing.is_emergency,
    }
    if plan.move is not None:
        values["move_fee_cents"] = plan.pricing.move_fee_cents
        values["tier_starts_at"] = plan.move.tier_starts_at
    values = {name: value for name, value in values.items() if getattr(booking, name) != value}
    if not values:
        return booking
    timeline.apply(
        booking=booking,
        action=TimelineAction.RESCHEDULED if plan.move else TimelineAction.UPDATED,
        actor=actor,
        now=now,
        changes=values,
    )
    _state(booking, before, is_move=plan.move is not None, actor=actor)
    crashpoint("update.written")
    return booking


def _state(
    booking: Booking,
    before: tuple[datetime, int | None, str, int],
    *,
    is_move: bool,
    actor: Actor,
) -> None:
    starts_at, notary_id, email, due_cents = before
    if is_move:
        emit(
            BookingRescheduled(
                booking_id=booking.pk,
                version=booking.version,
                actor=actor,
                previous_starts_at=starts_at,
                previous_notary_id=notary_id,
            )
        )
    if not is_move or email != booking.customer_email:
        emit(
            BookingUpdated(
                booking_id=booking.pk,
                version=booking.version,
                actor=actor,
                previous_email=email if email != booking.customer_email else None,
            )
        )
    if due_cents != booking.due_now_cents:
        emit(
            BookingRepriced(
                booking_id=booking.pk,
                version=booking.version,
                actor=actor,
                due_cents=booking.due_now_cents,
            )
        )
    owe_excess(booking=booking, actor=actor, reason_key=f"move-{booking.version}")

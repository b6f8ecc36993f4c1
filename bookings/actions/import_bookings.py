"""Take over bookings from the system before this one, many at a time.

No fact is emitted: what happened there was told there. A booking's timeline begins with the state
it was taken over in. Both functions run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError

from bookings import claims, locks
from bookings.chain import Reason
from bookings.claims import ClaimFacts, Occupied
from bookings.models import Booking, Notary, TimelineEvent
from bookings.policy import FORMER_TIER, Policy
from bookings.references import new_references
from bookings.states import (
    CLOSED_WITHOUT_SERVICE,
    BookingStatus,
    ClaimState,
    RefundStatus,
    TimelineAction,
)
from bookings.waiting_places import add_waiting_place, waiting_place_ids
from hmnp.core import tokens
from hmnp.core.bulk import copy_in
from hmnp.core.context import FORMER
from hmnp.core.transactions import UNIQUE_VIOLATION, RollBackAndRetry, sqlstate
from services.definitions import ServiceDefinition

FORMER_TERMS = "v1"


@dataclass(frozen=True, slots=True)
class FormerBooking:
    """One booking as it is taken over; money in cents, `pricing` a snapshot that adds up.

    `notary_id`: who was to do it; None: whoever can. `facts` are kept with its timeline.
    """

    id: UUID
    status: BookingStatus
    service: ServiceDefinition
    notary_id: int | None
    starts_at: datetime
    ends_at: datetime
    customer_name: str
    customer_email: str
    customer_phone: str
    street: str
    city: str
    state: str
    zip_code: str
    signers: int
    documents: int
    special_instructions: str
    pricing: dict[str, Any]
    due_now_cents: int
    waived_reason: str
    promo_code: str
    paid_cents: int
    refunded_cents: int
    confirmed_at: datetime | None
    cancelled_at: datetime | None
    cancelled_by: str
    cancel_reason: str
    created_at: datetime
    updated_at: datetime
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placed:
    """Whose calendar holds a live booking; `reason`: why nobody's does, so that it waits."""

    booking_id: UUID
    notary_id: int
    reason: Reason | None


def import_ended(*, bookings: Sequence[FormerBooking], now: datetime) -> None:
    """Write bookings that take no notary's time any more."""
    _write(bookings, {}, now)


def import_live(*, bookings: Sequence[FormerBooking], now: datetime) -> list[Placed]:
    """Write bookings that stand, each with its claim; takes every calendar it may need, in order.

    One that a notary was named for goes into that notary's calendar, others into the first that
    can hold them; what fits nowhere waits for a person.
    """
    notaries = list(Notary.objects.filter(is_active=True).order_by("pk").values_list("pk", "name"))
    places = waiting_place_ids()
    named = {one.notary_id for one in bookings if one.notary_id is not None}
    if wanted := {pk for pk, _ in notaries} | named | set(places):
        locks.lock_notaries(notary_ids=wanted)
    skilled = _skilled()
    placed = []
    for booking in bookings:
        able = [pk for pk, _ in notaries if (pk, booking.service.id) in skilled]
        candidates = [booking.notary_id] if booking.notary_id is not None else able
        placed.append(_place(booking, candidates, places))
    _write(bookings, {one.booking_id: one.notary_id for one in placed}, now)
    return placed


def _skilled() -> set[tuple[int, UUID]]:
    through = Notary.skills.through._default_manager
    return set(through.values_list("notary_id", "service_id"))


def _place(booking: FormerBooking, candidates: Iterable[int], places: list[int]) -> Placed:
    reason: Reason | None = None
    for notary_id in candidates:
        try:
            _take(booking, notary_id)
        except Occupied as occupied:
            reason = occupied.reason
        else:
            return Placed(booking.id, notary_id, None)
    for place_id in places:
        try:
            _take(booking, place_id)
        except Occupied:
            continue
        return Placed(booking.id, place_id, reason or Reason.OUTSIDE_HOURS)
    place_id = add_waiting_place()
    locks.lock_notaries(notary_ids=[place_id])
    places.append(place_id)
    _take(booking, place_id)
    return Placed(booking.id, place_id, reason or Reason.OUTSIDE_HOURS)


def _take(booking: FormerBooking, notary_id: int) -> None:
    claims.take(
        facts=agreed_facts(booking),
        notary_id=notary_id,
        holder_key=f"{FORMER.id}:{booking.id}",
        state=ClaimState.BOOKED,
        booking_id=booking.id,
        is_agreed=True,
    )


def agreed_facts(booking: FormerBooking) -> ClaimFacts:
    """Give what the claim of a booking that was agreed elsewhere keeps."""
    return ClaimFacts(
        service=booking.service,
        starts_at=booking.starts_at,
        customer_zip=booking.zip_code or None,
        signers=booking.signers,
        documents=booking.documents,
        promo_code="",
        is_emergency=False,
        pricing=booking.pricing,
    )


def _write(bookings: Sequence[FormerBooking], notaries: dict[UUID, int], now: datetime) -> None:
    references = new_references(count=len(bookings))
    policies = {one.service.id: Policy.of(one.service).to_snapshot() for one in bookings}
    rows = [
        _row(one, reference, notaries.get(one.id, one.notary_id), policies, now)
        for one, reference in zip(bookings, references, strict=True)
    ]
    try:
        copy_in(model=Booking, rows=rows)
    except IntegrityError as error:
        # Somebody else drew one of the references in the same moment.
        if sqlstate(error) == UNIQUE_VIOLATION and "reference" in str(error):
            raise RollBackAndRetry from error
        raise
    copy_in(model=TimelineEvent, rows=[_told(one, now) for one in bookings])


def _row(
    one: FormerBooking,
    reference: str,
    notary_id: int | None,
    policies: dict[UUID, dict[str, Any]],
    now: datetime,
) -> dict[str, Any]:
    access = tokens.derive(purpose=tokens.ACCESS, subject_id=one.id)
    is_over = one.status in CLOSED_WITHOUT_SERVICE and one.status != BookingStatus.EXPIRED
    kept = one.paid_cents - one.refunded_cents
    return {
        "id": one.id,
        "reference": reference,
        "status": one.status.value,
        "service_id": one.service.id,
        "notary_id": notary_id,
        "starts_at": one.starts_at,
        "ends_at": one.ends_at,
        "timezone": one.service.timezone.key,
        "customer_name": one.customer_name,
        "customer_email": one.customer_email,
        "customer_phone": one.customer_phone,
        "street": one.street,
        "city": one.city,
        "state": one.state,
        "zip_code": one.zip_code,
        "signers": one.signers,
        "documents": one.documents,
        "special_instructions": one.special_instructions,
        "pricing": one.pricing,
        "price_cents": one.pricing["final_price_cents"],
        "due_now_cents": one.due_now_cents,
        "deposit_waived_reason": one.waived_reason,
        "promo_code": one.promo_code,
        "amount_paid_cents": one.paid_cents,
        "amount_refunded_cents": one.refunded_cents,
        "policy": policies[one.service.id],
        "tier_starts_at": one.starts_at,
        "terms_version": FORMER_TERMS,
        "terms_accepted_at": one.created_at,
        "access_key_id": access.key_id,
        "access_hash": access.hash,
        "confirmed_at": one.confirmed_at,
        "cancelled_at": one.cancelled_at,
        "cancelled_by": one.cancelled_by,
        "cancel_reason": one.cancel_reason,
        "cancel_tier": FORMER_TIER if is_over else "",
        "cancel_kept_cents": kept if is_over else 0,
        "cancel_refund_cents": one.refunded_cents if is_over else 0,
        "refund_status": (
            RefundStatus.SUCCEEDED if is_over and one.refunded_cents else RefundStatus.NONE
        ).value,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "imported_at": now,
        "is_told_elsewhere": True,
    }


def _told(one: FormerBooking, now: datetime) -> dict[str, Any]:
    changes = {}
    if one.status != BookingStatus.PENDING_PAYMENT:
        changes["status"] = [BookingStatus.PENDING_PAYMENT.value, one.status.value]
    return {
        "booking_id": one.id,
        "action": TimelineAction.CREATED.value,
        "actor_type": FORMER.type.value,
        "actor_id": FORMER.id,
        "changes": changes,
        "metadata": {
            "priceCents": one.pricing["final_price_cents"],
            "paidCents": one.paid_cents,
            **one.facts,
        },
        "at": now,
    }

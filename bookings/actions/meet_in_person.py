"""Turn a remote session whose identity check failed into an appointment in person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from bookings import claims, locks, timeline
from bookings.errors import InvalidStatusTransition, PriceChanged
from bookings.events import BookingRescheduled
from bookings.locks import LockedBooking
from bookings.models import Booking
from bookings.policy import Policy
from bookings.quoting import Wanted, claim_facts, fresh_quote
from bookings.refunds_owed import owe_excess
from bookings.sessions import SessionStatus
from bookings.slots import win
from bookings.states import BookingStatus, TimelineAction
from hmnp.core.cases import CaseKind, settle_case
from hmnp.core.context import Actor
from hmnp.core.errors import NotFound
from hmnp.core.events import emit
from services import quotes
from services.definitions import ServiceDefinition, ServiceType
from services.errors import PromoInvalid
from services.pricing import Pricing


@dataclass(frozen=True)
class Meeting:
    """Where, when and by which mobile service the signers want to meet the notary."""

    service: ServiceDefinition
    starts_at: datetime
    street: str
    unit: str
    city: str
    state: str
    zip_code: str


def is_offered(booking: Booking) -> bool:
    """Tell whether this booking may be turned: remote, standing, its identity check failed."""
    return bool(
        booking.service.type == ServiceType.RON
        and booking.status == BookingStatus.CONFIRMED
        and booking.ron_status == SessionStatus.IDENTITY_FAILED
    )


def price_in_person(
    *, booking: Booking, service: ServiceDefinition, starts_at: datetime, zip_code: str,
    now: datetime
) -> tuple[Wanted, Pricing]:  # fmt: skip
    """Price the appointment, without a fee for the change. Raises the refusals of a price."""
    wanted = Wanted(
        service=service,
        starts_at=starts_at,
        zip_code=zip_code,
        signers=booking.signers,
        documents=booking.documents,
        promo_code=booking.promo_code or None,
    )
    try:
        return wanted, quotes.quote(**wanted.facts(), now=now, is_promo_taken=True)
    except PromoInvalid:
        # The code was for the online service.
        wanted = Wanted(**{**wanted.facts(), "promo_code": None})
        return wanted, quotes.quote(**wanted.facts(), now=now)


def meet_in_person(
    *, booking_id: UUID, meeting: Meeting, expected_cents: int, actor: Actor, now: datetime
) -> Booking:
    """Book the mobile appointment in the session's place, all or nothing.

    What was paid stays paid: the difference is due, or goes back. Raises `NotFound`,
    `InvalidStatusTransition` when it is not offered (any more), `PriceChanged`, `SlotTaken`,
    `SlotUnavailable` and the refusals of a price.
    """
    booking = Booking.objects.select_related("service").filter(pk=booking_id).first()
    if booking is None:
        raise NotFound
    if not is_offered(booking):
        raise InvalidStatusTransition
    wanted, pricing = price_in_person(
        booking=booking,
        service=meeting.service,
        starts_at=meeting.starts_at,
        zip_code=meeting.zip_code,
        now=now,
    )
    if pricing.final_price_cents != expected_cents:
        raise PriceChanged(
            details={"pricing": fresh_quote(wanted=wanted, pricing=pricing, now=now)}
        )
    claim = locks.live_claim_of(booking_id=booking_id)

    def attempt(notary_id: int) -> Booking:
        locked = locks.lock_booking(booking_id=booking_id, also_notary=notary_id)
        if not is_offered(locked.booking) or locked.claim is None:
            raise InvalidStatusTransition
        facts = claim_facts(wanted=wanted, pricing=pricing)
        claims.move(claim=locked.claim, facts=facts, notary_id=notary_id)
        return _turn(locked, meeting, wanted, pricing, actor, now)

    return win(
        service=meeting.service,
        starts_at=meeting.starts_at,
        zip_code=meeting.zip_code,
        now=now,
        attempt=attempt,
        own_claim=claim.pk if claim else None,
    )


def _turn(
    locked: LockedBooking,
    meeting: Meeting,
    wanted: Wanted,
    pricing: Pricing,
    actor: Actor,
    now: datetime,
) -> Booking:
    booking, claim = locked.booking, locked.claim
    assert claim is not None  # noqa: S101 -- checked by the caller; for the type
    before = (booking.starts_at, booking.notary_id)
    values: dict[str, Any] = {
        "service_id": meeting.service.id,
        "starts_at": claim.starts_at,
        "ends_at": claim.ends_at,
        "notary_id": claim.notary_id,
        "timezone": meeting.service.timezone.key,
        "street": meeting.street,
        "unit": meeting.unit,
        "city": meeting.city,
        "state": meeting.state,
        "zip_code": meeting.zip_code,
        "pricing": pricing.to_snapshot(),
        "price_cents": pricing.final_price_cents,
        "is_emergency": pricing.is_emergency,
        "move_fee_cents": 0,
        "promo_code": wanted.promo_code or "",
        "policy": Policy.of(meeting.service).to_snapshot(),
        "tier_starts_at": claim.starts_at,
        "ron_join_url": "",
        "ron_status": SessionStatus.CLOSED.value,
    }
    timeline.apply(
        booking=booking, action=TimelineAction.RESCHEDULED, actor=actor, now=now, changes=values
    )
    emit(
        BookingRescheduled(
            booking_id=booking.pk,
            version=booking.version,
            actor=actor,
            previous_starts_at=before[0],
            previous_notary_id=before[1],
        )
    )
    owe_excess(booking=booking, actor=actor, reason_key=f"in-person-{booking.version}")
    settle_case(
        kind=CaseKind.KBA_FAILED,
        key=str(booking.pk),
        how="The customer chose an appointment in person.",
    )
    return booking

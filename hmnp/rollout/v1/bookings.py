"""A V1 booking as one of ours: plan it whole, or say why it cannot be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from bookings.actions.import_bookings import FormerBooking
from bookings.states import LIVE_STATUSES, BookingStatus
from bookings.travel_time import drive_minutes
from hmnp.rollout.states import Table
from hmnp.rollout.v1 import values
from hmnp.rollout.v1.context import Context, our_id
from hmnp.rollout.v1.payments import Fate, Money, read_money
from hmnp.rollout.v1.prices import deposit_cents, price_snapshot
from hmnp.rollout.v1.statuses import Meant, Standing, canonical, meant
from hmnp.rollout.v1.times import appointment_time, instant
from hmnp.rollout.v1.values import Row, money, pick, text
from integrations.refs import FormerRef
from payments.actions.import_payments import FormerPayment
from services.definitions import ServiceDefinition
from services.errors import UnknownZip

WAIVED = "v1_import"
_MOCK_CONTACT = ("mock", "test", "fallback", "temp", "error")


class Unreadable(Exception):
    """The row cannot become a booking; `reason` goes into the rejects file."""

    def __init__(self, reason: str) -> None:
        self.reason = reason[:300]
        super().__init__(reason)


@dataclass
class Plan:
    """One V1 booking with all that belongs to it; `repairs`: what a person must look at."""

    v1_id: str
    booking: FormerBooking
    payments: list[FormerPayment]
    fates: list[Fate]
    refs: list[FormerRef]
    repairs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_live(self) -> bool:
        """It takes a notary's time."""
        return self.booking.status in LIVE_STATUSES


def plan_booking(
    *, row: Row, payments: Iterable[Row], context: Context, used_intents: set[str]
) -> Plan:
    """Plan one booking. Raises `Unreadable`."""
    v1_id = str(row["id"])
    booking_id = our_id(Table.BOOKING, v1_id)
    service = context.service_of(row)
    if service is None:
        raise Unreadable(f"its service {pick(row, 'serviceId', 'serviceType')!r} is unknown")
    try:
        status = canonical(row.get("status"))
        price = money(row.get("priceAtBooking"))
        starts_at, ends_at = _times(row, service, context)
    except ValueError as error:
        raise Unreadable(str(error)) from None
    notes: list[str] = []
    if price is None or price < 0:
        price = service.base_price_cents
        notes.append("V1 kept no price: the service's is taken")
    created_at = min(instant(row.get("createdAt")) or min(starts_at, context.now), context.now)
    try:
        found = read_money(
            booking=row,
            booking_id=booking_id,
            price_cents=price,
            rows=payments,
            created_at=created_at,
            refund_reason_key=_refund_key(status),
            used_intents=used_intents,
        )
    except ValueError as error:
        raise Unreadable(str(error)) from None
    decided = meant(
        standing=Standing(
            status=status,
            starts_at=starts_at,
            ends_at=ends_at,
            net_cents=found.paid_cents - found.refunded_cents,
            was_served=bool(pick(row, "actualEndDateTime", "completedAt")),
            was_missed=bool(pick(row, "noShowAt", "noShowSentAt")),
            was_cancelled=bool(row.get("cancelledAt")),
        ),
        now=context.now,
    )
    address, is_address = values.email(row)
    if not is_address:
        notes.append("V1 kept no usable e-mail address")
    booking = _booking(
        row=row,
        booking_id=booking_id,
        service=service,
        status=status,
        decided=decided,
        starts_at=starts_at,
        ends_at=ends_at,
        created_at=created_at,
        price_cents=price,
        money=found,
        email=address,
        context=context,
    )
    repairs = [decided.repair] if decided.repair else []
    if not is_address and booking.status in LIVE_STATUSES:
        repairs.append("correct_contact")
    return Plan(
        v1_id=v1_id,
        booking=booking,
        payments=found.payments,
        fates=found.fates,
        refs=list(_refs(row, booking_id, found, context)),
        repairs=repairs,
        notes=notes,
    )


def _times(row: Row, service: ServiceDefinition, context: Context) -> tuple[datetime, datetime]:
    v1_service = str(pick(row, "serviceId", "service_id") or "")
    minutes = context.minutes.get(v1_service, service.duration_minutes)
    try:
        starts_at = appointment_time(pick(row, "scheduledDateTime"), zone=context.zone)
    except ValueError as error:
        ended_at = instant(row.get("actualEndDateTime"))
        if ended_at is None:
            raise ValueError(f"the appointment has {error}") from None
        starts_at = ended_at - timedelta(minutes=minutes)
    ends_at = starts_at + timedelta(minutes=minutes)
    if ends_at > context.now:
        # Its time is claimed as ours are.
        ends_at = starts_at + timedelta(minutes=service.duration_minutes)
    return starts_at, ends_at


def _refund_key(status: str) -> str:
    """Name a refund as ours would be, so that what an ended booking gave back is recognised."""
    if status.startswith("CANCELLED") or status in ("REQUIRES_RESCHEDULE", "ARCHIVED"):
        return "cancel"
    return "no_show" if status == "NO_SHOW" else "v1"


def _booking(
    *,
    row: Row,
    booking_id: UUID,
    service: ServiceDefinition,
    status: str,
    decided: Meant,
    starts_at: datetime,
    ends_at: datetime,
    created_at: datetime,
    price_cents: int,
    money: Money,
    email: str,
    context: Context,
) -> FormerBooking:
    ours = decided.status
    updated_at = max(min(instant(row.get("updatedAt")) or created_at, context.now), created_at)
    is_cancelled = ours is BookingStatus.CANCELLED
    place = values.place(row) if service.is_mobile else values.Place("", "", "", "")
    asked = deposit_cents(row, service, price_cents)
    is_paid_for = money.paid_cents >= asked
    stood = ours not in (BookingStatus.EXPIRED, BookingStatus.CANCELLED)
    due = asked if is_paid_for or not stood else 0
    facts: dict[str, Any] = {"from": "v1", "v1Id": str(row["id"])[:191], "v1Status": status}
    if pick(row, "leadSource"):
        facts["leadSource"] = text(row, "leadSource", most=60)
    return FormerBooking(
        id=booking_id,
        status=ours,
        service=service,
        notary_id=context.notaries.get(str(pick(row, "notaryId") or "")),
        starts_at=starts_at,
        ends_at=ends_at,
        customer_name=_name(row),
        customer_email=email,
        customer_phone=values.phone(row),
        street=place.street,
        city=place.city,
        state=place.state if place.zip_code or place.street else "",
        zip_code=_known_zip(place.zip_code),
        signers=values.count(row, "numberOfSigners", "booking_number_of_signers"),
        documents=values.count(row, "numberOfDocuments", "documentCount"),
        special_instructions=values.instructions(row),
        pricing=price_snapshot(row, price_cents, due, service),
        due_now_cents=due,
        waived_reason=WAIVED if stood and not is_paid_for else "",
        promo_code=context.promos.get(str(row.get("promoCodeId") or ""), ""),
        paid_cents=money.paid_cents,
        refunded_cents=money.refunded_cents,
        confirmed_at=created_at if stood else None,
        cancelled_at=(instant(row.get("cancelledAt")) or updated_at) if is_cancelled else None,
        cancelled_by=_cancelled_by(status) if is_cancelled else "",
        cancel_reason=text(row, "cancellationReason", "cancelReason", most=200)
        if is_cancelled
        else "",
        created_at=created_at,
        updated_at=updated_at,
        facts=facts,
    )


def _name(row: Row) -> str:
    whole = text(row, "customerName", "name", most=100)
    parts = f"{text(row, 'firstName', most=50)} {text(row, 'lastName', most=50)}".strip()
    return whole or parts or "Unknown (V1)"


def _cancelled_by(status: str) -> str:
    return {"CANCELLED_BY_CLIENT": "customer", "CANCELLED_BY_STAFF": "admin"}.get(status, "system")


def _known_zip(zip_code: str) -> str:
    """Leave out a ZIP code that is on no map: no drive can be counted to it."""
    if not zip_code:
        return ""
    try:
        drive_minutes(zip_code, "77591")
    except UnknownZip:
        return ""
    return zip_code


def _refs(row: Row, booking_id: UUID, money: Money, context: Context) -> Iterable[FormerRef]:
    contact = text(row, "ghlContactId", most=255)
    if contact and not contact.lower().startswith(_MOCK_CONTACT):
        yield FormerRef(booking_id, "ghl", "contact", contact)
    event = text(row, "googleCalendarEventId", most=255)
    if event and context.google_calendar:
        yield FormerRef(booking_id, "google_calendar", "event", event, context.google_calendar)
    session = text(row, "stripeSessionId", most=255)
    if session.startswith("cs_"):
        yield FormerRef(booking_id, "stripe", "checkout_session", session, "booking")
    for v1_id, kind, name in money.named:
        yield FormerRef(booking_id, "stripe", kind, name, v1_id[:255])

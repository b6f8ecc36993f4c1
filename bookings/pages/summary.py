"""A price, an appointment and a booking in the words of the pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bookings import wording
from bookings.models import Booking, SlotClaim
from bookings.policy import Policy
from bookings.quoting import Wanted
from bookings.states import CLOSED_WITHOUT_SERVICE, BookingStatus
from hmnp.core.money import show
from hmnp.core.pages import clock, long_day
from services.definitions import ServiceDefinition
from services.pricing import PriceLine, Pricing
from services.wording import miles


@dataclass(frozen=True)
class Line:
    """One row of a price as shown; `amount` is in words."""

    label: str
    amount: str
    is_statutory: bool


@dataclass(frozen=True)
class PriceView:
    """A price as shown: its lines, the total, and the sums below it (label and amount)."""

    lines: list[Line]
    total_cents: int
    due_now_cents: int
    sums: list[tuple[str, str]]


@dataclass(frozen=True)
class Summary:
    """What stands beside the form: what, where, when, how much."""

    service_name: str
    is_mobile: bool
    place: str
    when: str
    counts: str
    price: PriceView


@dataclass(frozen=True)
class Row:
    """One row of a description list."""

    name: str
    value: str
    second: str = ""


def price_before_booking(*, pricing: Pricing, service: ServiceDefinition) -> PriceView:
    """Show a price with what is due now and what later."""
    due = pricing.deposit_required_cents
    later = pricing.final_price_cents - due
    sums = [("Due now", show(due))] if due else []
    if later:
        sums.append((_later_label(is_mobile=service.is_mobile), show(later)))
    return PriceView(
        lines=_lines(pricing, service),
        total_cents=pricing.final_price_cents,
        due_now_cents=due,
        sums=sums,
    )


def price_of_booking(*, booking: Booking, service: ServiceDefinition) -> PriceView:
    """Show a booking's price with what was paid, what went back and what is left."""
    sums = []
    if booking.amount_paid_cents:
        sums.append(("Paid", show(booking.amount_paid_cents)))
    if booking.amount_refunded_cents:
        sums.append(("Paid back", show(booking.amount_refunded_cents)))
    due = booking.amount_due_cents
    if due:
        sums.append(("Due now", show(due)))
    later = booking.balance_due_cents - due
    if later:
        sums.append((_later_label(is_mobile=service.is_mobile), show(later)))
    return PriceView(
        lines=_lines(Pricing.from_snapshot(booking.pricing), service),
        total_cents=booking.price_cents,
        due_now_cents=due,
        sums=sums,
    )


def price_of_move(*, booking: Booking, pricing: Pricing, service: ServiceDefinition) -> PriceView:
    """Show what a booking would cost at another time, and what would then be left to pay."""
    left = pricing.final_price_cents - booking.net_paid_cents
    sums = [("Paid", show(booking.net_paid_cents))] if booking.net_paid_cents else []
    if left > 0:
        sums.append((_later_label(is_mobile=service.is_mobile), show(left)))
    elif left < 0:
        sums.append(("Goes back to your card", show(-left)))
    return PriceView(
        lines=_lines(pricing, service),
        total_cents=pricing.final_price_cents,
        due_now_cents=0,
        sums=sums,
    )


def summary_of_wanted(*, wanted: Wanted, pricing: Pricing, when: str = "") -> Summary:
    """Sum up what is about to be booked."""
    service = wanted.service
    return Summary(
        service_name=service.name,
        is_mobile=service.is_mobile,
        place=f"ZIP {wanted.zip_code}" if service.is_mobile else wording.ONLINE,
        when=when,
        counts=counts(wanted.signers, wanted.documents, is_mobile=service.is_mobile),
        price=price_before_booking(pricing=pricing, service=service),
    )


def summary_of_booking(*, booking: Booking, service: ServiceDefinition) -> Summary:
    """Sum up a booking."""
    return Summary(
        service_name=service.name,
        is_mobile=service.is_mobile,
        place=wording.place(booking),
        when=wording.when(booking),
        counts=counts(booking.signers, booking.documents, is_mobile=service.is_mobile),
        price=price_of_booking(booking=booking, service=service),
    )


def rows_of_booking(*, booking: Booking, service: ServiceDefinition) -> list[Row]:
    """List what a booking is, for the customer to check."""
    phone = getattr(booking.customer_phone, "as_national", booking.customer_phone)
    rows = [
        Row("When", wording.when(booking)),
        Row("Where", wording.place(booking)),
        Row("Who", booking.customer_name, f"{booking.customer_email} · {phone}"),
        Row("Signing", counts(booking.signers, booking.documents, is_mobile=service.is_mobile)),
    ]
    if booking.notary is not None and booking.status not in CLOSED_WITHOUT_SERVICE:
        rows.append(Row("Notary", booking.notary.name))
    if booking.special_instructions:
        rows.append(Row("Instructions", booking.special_instructions))
    return rows


def wanted_of_claim(*, claim: SlotClaim, service: ServiceDefinition) -> Wanted:
    """Give what a hold was made for."""
    return Wanted(
        service=service,
        starts_at=claim.starts_at,
        zip_code=claim.customer_zip or None,
        signers=claim.signers,
        documents=claim.documents,
        promo_code=claim.promo_code or None,
    )


def counts(signers: int, documents: int, *, is_mobile: bool) -> str:
    """Say how many sign how much: `3 signers, 6 documents`."""
    noun = "document" if is_mobile else "notarial act"
    return (
        f"{signers} signer{'' if signers == 1 else 's'}, "
        f"{documents} {noun}{'' if documents == 1 else 's'}"
    )


def status_of(booking: Booking, *, now: datetime) -> tuple[str, str]:
    """Give the tone (good, bad, plain) and the words of a booking's status."""
    match BookingStatus(booking.status):
        case BookingStatus.PENDING_PAYMENT if booking.expires_at and booking.expires_at <= now:
            return "plain", "The payment is being checked"
        case BookingStatus.PENDING_PAYMENT:
            return "plain", "Waiting for the payment"
        case BookingStatus.CONFIRMED:
            return "good", "Confirmed"
        case BookingStatus.IN_PROGRESS:
            return "good", "The notary is with you"
        case BookingStatus.COMPLETED:
            return "good", "Done"
        case BookingStatus.NO_SHOW:
            return "bad", "Nobody was there"
        case BookingStatus.CANCELLED:
            return "bad", "Cancelled"
        case BookingStatus.EXPIRED:
            return "bad", "Not booked: it was not paid in time"


def move_note(booking: Booking, *, now: datetime) -> str:
    """Say until when moving and cancelling cost nothing, or what they cost now."""
    policy = Policy.from_snapshot(booking.policy)
    until = booking.starts_at - timedelta(minutes=policy.free_move_minutes)
    if not policy.move_fee_cents:
        return "Moving is free."
    if until > now:
        local = until.astimezone(booking.zone)
        return f"Moving is free until {long_day(local.date())}, {clock(until, zone=booking.zone)}."
    return f"Moving costs {show(policy.move_fee_cents)} now, this close to the appointment."


def _later_label(*, is_mobile: bool) -> str:
    return "At the door: card, cash or check" if is_mobile else "To pay before the session"


def _lines(pricing: Pricing, service: ServiceDefinition) -> list[Line]:
    lines = [_line(line) for line in pricing.lines]
    distance = pricing.distance_miles
    if service.area is not None and distance is not None and not pricing.travel_fee_cents:
        included = miles(Decimal(service.area.included_miles))
        lines.insert(
            sum(line.type in ("base", "statutory") for line in pricing.lines),
            Line(f"Travel, {distance:.1f} miles (up to {included} miles)", "included", False),
        )
    return lines


def _line(line: PriceLine) -> Line:
    is_statutory = line.type == "statutory" and "set by law" not in line.label
    return Line(line.label, show(line.amount_cents), is_statutory)

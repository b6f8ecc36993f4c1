"""What V2 would have said to a booking of V1's: its price, and whether it would have taken it.

Only read and written down; neither the booking nor the customer hears of it.
"""

from __future__ import annotations

from bookings.availability import Misfit, misfit
from bookings.models import Booking
from bookings.waiting_places import is_waiting_place
from hmnp.core.errors import DomainError
from hmnp.core.money import show
from hmnp.rollout.models import ShadowCheck, V1Row
from hmnp.rollout.states import Verdict
from hmnp.rollout.v1.bookings import Plan, Unreadable, plan_booking
from hmnp.rollout.v1.context import Context
from services import quotes
from services.pricing import Pricing

_MISFITS = {
    Misfit.OFF_GRID: "starts off the half-hour grid",
    Misfit.INSIDE_NOTICE: "made inside the notice",
    Misfit.BEYOND_HORIZON: "further ahead than we plan",
    Misfit.OUTSIDE_HOURS: "outside the service's hours",
    Misfit.BLACKOUT: "on a day we are closed",
}


def check(*, kept: V1Row, context: Context) -> ShadowCheck:
    """Look at one booking as it was made, and write down what differs."""
    try:
        plan = plan_booking(row=kept.row, payments=[], context=context, used_intents=set())
    except Unreadable as error:
        return _write(kept, context, Verdict.UNREADABLE, None, None, [error.reason])
    booking = plan.booking
    price = booking.pricing["final_price_cents"]
    differences = _refusals(kept, plan, context)
    pricing: Pricing | None = None
    try:
        pricing = quotes.quote(
            service=booking.service,
            starts_at=booking.starts_at,
            zip_code=booking.zip_code or None if booking.service.is_mobile else None,
            signers=booking.signers,
            documents=booking.documents,
            promo_code=booking.promo_code or None,
            now=min(booking.created_at, booking.starts_at),
            is_promo_taken=True,
        )
    except DomainError as error:
        differences.append(f"no price: {error.message}")
    if differences or pricing is None:
        cents = pricing.final_price_cents if pricing else None
        return _write(kept, context, Verdict.REFUSED, price, cents, differences, plan)
    if pricing.final_price_cents == price:
        return _write(kept, context, Verdict.SAME, price, price, [], plan)
    lines = [f"{line.label} {show(line.amount_cents)}" for line in pricing.lines]
    return _write(kept, context, Verdict.OTHER_PRICE, price, pricing.final_price_cents, lines, plan)


def _refusals(kept: V1Row, plan: Plan, context: Context) -> list[str]:
    booking = plan.booking
    found = misfit(
        service=booking.service,
        starts_at=booking.starts_at,
        now=booking.created_at,
        blackouts=(),
    )
    reasons = [_MISFITS[found]] if found is not None else []
    if plan.is_live and kept.target:
        held = Booking.objects.select_related("notary").filter(pk=kept.target).first()
        if held is not None and held.notary is not None and is_waiting_place(held.notary):
            reasons.append("no notary can do it beside the others")
    return reasons


def _write(
    kept: V1Row,
    context: Context,
    verdict: Verdict,
    v1_cents: int | None,
    v2_cents: int | None,
    differences: list[str],
    plan: Plan | None = None,
) -> ShadowCheck:
    found, _ = ShadowCheck.objects.update_or_create(
        v1_row=kept,
        defaults={
            "booking_id": plan.booking.id if plan else None,
            "verdict": verdict.value,
            "v1_cents": v1_cents,
            "v2_cents": v2_cents,
            "differences": differences,
            "checked_at": context.now,
        },
    )
    return found

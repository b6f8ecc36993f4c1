"""What the customer agrees to, and what can be done when a time or a price is not to be had."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bookings.errors import PriceChanged, SlotTaken, SlotUnavailable
from bookings.pages import days
from bookings.pages.days import Option
from bookings.quoting import Wanted
from hmnp.core.errors import DomainError
from hmnp.core.money import show
from services.errors import PromoInvalid
from services.pricing import Pricing


@dataclass(frozen=True)
class Problem:
    """Why a choice could not be kept, and what can be chosen instead."""

    title: str
    text: str
    alternatives: list[Option] = field(default_factory=list)
    status: int = 409


def what_now(
    *, wanted: Wanted, pricing: Pricing, refusal: DomainError | None, now: datetime
) -> Problem:
    """Say what is wrong and what to do: agree to another price, or pick one of the next times.

    Without a refusal, the time that was held is over.
    """
    total = show(pricing.final_price_cents)
    if isinstance(refusal, PromoInvalid):
        return Problem(
            refusal.message, f"Without the code it is {total}. Send the form to book at that price."
        )
    if isinstance(refusal, PriceChanged):
        return Problem(
            f"The price is {total} now",
            "You see every line in the summary. Send the form again to book at this price.",
        )
    if isinstance(refusal, SlotTaken):
        title = "This time has just been taken"
    elif isinstance(refusal, SlotUnavailable):
        title = refusal.message
    else:
        title = "The time we kept for you has ended"
    options = days.next_options(
        service=wanted.service,
        zip_code=wanted.zip_code,
        after=wanted.starts_at,
        now=now,
        chosen=wanted.starts_at,
    )
    if options:
        text = "Pick one of these; everything you typed is still here."
    else:
        text = "No time is free near it. Please look at other days."
    return Problem(title, text, options)


def terms_label(pricing: Pricing, *, is_mobile: bool) -> str:
    """Give what is agreed to, with the travel fee in dollars, which is ours and not the law's."""
    parts = []
    if pricing.travel_fee_cents:
        parts.append(f"the travel fee of {show(pricing.travel_fee_cents)}")
    parts.append("what is kept when I cancel late")
    later = pricing.final_price_cents - pricing.deposit_required_cents
    if is_mobile and later:
        parts.append(f"{show(later)} at the door")
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"I accept the terms, with {listed}."

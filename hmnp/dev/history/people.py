"""Who books, when and at what price: the facts of one appointment, as its rows tell them."""

from __future__ import annotations

import random
import uuid
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from bookings.states import RefundStatus
from hmnp.core.times import at_minute
from hmnp.dev.history.bulk import NULL, cell
from hmnp.dev.history.plan import Appointment
from services.pricing import PriceFacts, Pricing, calculate_pricing

# A booking's fields and those of the rows beside it, ready to be written.
Facts = dict[str, Any]

_FIRST_NAMES = (
    "Ana Ben Carla Dion Elena Frank Grace Hugo Ines Jamal Karen Luis Mai Noah Olga Pedro Quinn "
    "Rosa Sam Tara Uma Victor Wanda Xavier Yara Zoe"
)
_LAST_NAMES = (
    "Alvarez Baker Castillo Dang Evans Flores Garcia Hernandez Ibarra Johnson Kim Lopez Martinez "
    "Nguyen Ortiz Patel Quintana Rivera Smith Tran Underwood Vasquez Williams Xu Young Zamora"
)
# A Monday without a holiday in its week: prices go by weekday and hour.
_MONDAY = date(2027, 3, 1)


class Prices:
    """What appointments cost."""

    def __init__(self) -> None:
        self._prices: dict[tuple[str, str, int, int], tuple[Pricing, str]] = {}

    def of(self, one: Appointment) -> tuple[Pricing, str]:
        """Give the price and how it is kept; one weekday, hour and place is priced once."""
        local = one.starts_at.astimezone(one.service.timezone)
        minute = local.hour * 60 + local.minute
        key = (one.service.slug, one.customer_zip, local.weekday(), minute)
        if key not in self._prices:
            day = _MONDAY + timedelta(days=local.weekday())
            starts_at = at_minute(day, minute, zone=one.service.timezone)
            pricing = calculate_pricing(
                service=one.service,
                facts=PriceFacts(
                    starts_at=starts_at,
                    judged_at=starts_at - timedelta(days=7),
                    signers=1,
                    documents=1,
                    zip_code=one.customer_zip or None,
                ),
            )
            self._prices[key] = pricing, cell(pricing.to_snapshot())
        return self._prices[key]


class People:
    """Customers, numbered from `first_number`; all booked some hours before `now`."""

    def __init__(self, *, first_number: int, now: datetime, dice: random.Random) -> None:
        self._number, self._now, self._dice = first_number - 1, now, dice
        self._first_names, self._last_names = _FIRST_NAMES.split(), _LAST_NAMES.split()

    def facts(self, one: Appointment) -> Facts:
        """Give the next customer's appointment, not paid for and not ended yet."""
        self._number += 1
        dice, number = self._dice, self._number
        # Booked between three hours and nine days before, and always some hours ago.
        asked = min(one.starts_at, self._now) - timedelta(minutes=dice.randrange(180, 12_960))
        asked_at = _written(asked)
        starts_at, ends_at = _written(one.starts_at), _written(one.ends_at)
        first, last = dice.choice(self._first_names), dice.choice(self._last_names)
        is_mobile = bool(one.customer_zip)
        return {
            "id": new_id(dice),
            "claim_id": new_id(dice),
            "reference": f"HX-{number:07d}",
            "notary_id": one.notary_id,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "tier_starts_at": starts_at,
            "period": f"[{_written(one.period_starts_at)},{_written(one.period_ends_at)})",
            "place_zip": one.place_zip,
            "zip_code": one.customer_zip,
            "customer_zip": one.customer_zip,
            "street": f"{number % 9000 + 100} Marina Bay Drive" if is_mobile else "",
            "city": "League City" if is_mobile else "",
            "state": "TX" if is_mobile else "",
            "customer_name": f"{first} {last}",
            "customer_email": f"{first}.{last}.{number}@history.example".lower(),
            "customer_phone": f"+1713555{number % 10_000:04d}",
            "amount_paid_cents": 0,
            "amount_refunded_cents": 0,
            "cancel_tier": "",
            "cancel_kept_cents": 0,
            "cancel_refund_cents": 0,
            "refund_status": RefundStatus.NONE.value,
            "cancelled_by": "",
            "cancelled_at": NULL,
            "confirmed_at": NULL,
            "created_at": asked_at,
            "held_at": asked_at,
            "terms_accepted_at": asked_at,
            "paid_at": _written(asked + timedelta(minutes=4)),
            "ended_at": _written(asked + timedelta(minutes=90)),
        }


def new_id(dice: random.Random) -> UUID:
    """Give an id that nothing else has."""
    return uuid.UUID(int=dice.getrandbits(128), version=4)


def _written(instant: datetime) -> str:
    """Write a time in UTC as a timeline's hash is made of it."""
    return instant.isoformat(timespec="microseconds")[:-6] + "Z"

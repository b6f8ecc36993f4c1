"""A service as the rest of the house sees it: plain values, read once from the catalogue's rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo


class ServiceType(StrEnum):
    MOBILE = "MOBILE"
    RON = "RON"


class DepositKind(StrEnum):
    NONE = "NONE"
    FIXED = "FIXED"
    PERCENT = "PERCENT"
    FULL = "FULL"


class RuleCode(StrEnum):
    """Surcharges; the first four go by the clock and make up the time surcharge."""

    WEEKEND = "WEEKEND"
    HOLIDAY = "HOLIDAY"
    AFTER_HOURS = "AFTER_HOURS"
    LATE_NIGHT = "LATE_NIGHT"
    EMERGENCY = "EMERGENCY"
    EXTRA_DOCUMENT = "EXTRA_DOCUMENT"
    EXTRA_SIGNER = "EXTRA_SIGNER"


class RateCode(StrEnum):
    """What the law puts a price on: an act's first signature, each further one, going online."""

    ACT_FIRST_SIGNER = "ACT_FIRST_SIGNER"
    ACT_FURTHER_SIGNER = "ACT_FURTHER_SIGNER"
    ONLINE_ACT = "ONLINE_ACT"


class TierCode(StrEnum):
    """Cancelling early, late or at the last minute; not being there; cancelled by us."""

    FREE = "FREE"
    LATE = "LATE"
    LAST_MINUTE = "LAST_MINUTE"
    NO_SHOW = "NO_SHOW"
    BY_US = "BY_US"


class IntegrationName(StrEnum):
    STRIPE = "stripe"
    GHL = "ghl"
    GOOGLE_CALENDAR = "google_calendar"
    PROOF = "proof"


@dataclass(frozen=True)
class Point:
    """Degrees, WGS 84."""

    lat: float
    lng: float


class Hours(NamedTuple):
    """Half-open minutes of the local day, 0–1440; `weekday` is ISO, Monday 1.

    A tuple, since a week of them is what the windows of a day are looked up by.
    """

    weekday: int
    opens_minute: int
    closes_minute: int


@dataclass(frozen=True)
class TravelBand:
    """A flat fee for distances over `over_miles` up to and including `up_to_miles`."""

    over_miles: Decimal
    up_to_miles: Decimal
    fee_cents: int


@dataclass(frozen=True)
class ServiceArea:
    """Where a mobile service goes; within `included_miles` the ride is free."""

    centre: Point
    included_miles: Decimal
    last_served_mile: Decimal
    per_mile_cents: int
    bands: tuple[TravelBand, ...]
    centre_zip: str = ""


@dataclass(frozen=True)
class PriceRule:
    """One surcharge row; which of the optional facts matter depends on `code`."""

    code: str
    label: str
    amount_cents: int
    weekdays: tuple[int, ...] = ()
    before_minute: int | None = None
    from_minute: int | None = None
    within_minutes: int | None = None


@dataclass(frozen=True)
class StatutoryRate:
    """A fee set by law, in force from `valid_from` until the day before `valid_until`."""

    code: str
    amount_cents: int
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True)
class CancellationTier:
    """What a cancellation keeps.

    By time the tier with the largest `min_minutes_before` reached applies, after the start the
    smallest; None is not by time: NO_SHOW and BY_US.
    """

    code: str
    label: str
    min_minutes_before: int | None
    kept_cents: int
    keeps_travel_fee: bool


@dataclass(frozen=True)
class IntegrationRule:
    """An outside system a booking of this service needs, and how hard we try."""

    name: str
    required: bool
    priority: int
    max_attempts: int
    give_up_after_hours: int
    rollback_action: str | None


@dataclass(frozen=True)
class ServiceDefinition:
    """One service of the catalogue, whole. Cents, minutes and miles."""

    id: UUID
    slug: str
    name: str
    description: str
    type: ServiceType
    is_active: bool
    base_price_cents: int
    deposit_kind: DepositKind
    deposit_value: int
    duration_minutes: int
    wrap_up_minutes: int
    notice_minutes: int
    horizon_days: int
    grid_minutes: int
    included_signers: int
    max_signers: int
    included_documents: int | None
    max_documents: int | None
    tax_percent: Decimal
    timezone: ZoneInfo
    area: ServiceArea | None
    hours: tuple[Hours, ...]
    rules: tuple[PriceRule, ...]
    statutory_rates: tuple[StatutoryRate, ...]
    cancellation_tiers: tuple[CancellationTier, ...]
    move_fee_cents: int
    free_move_minutes: int
    integrations: tuple[IntegrationRule, ...]

    @property
    def is_mobile(self) -> bool:
        """The notary drives to the customer."""
        return self.type is ServiceType.MOBILE

    def rule(self, code: str) -> PriceRule | None:
        """Give the surcharge row called `code`, if the service has one."""
        return next((rule for rule in self.rules if rule.code == code), None)

    def statutory_rate(self, code: str, day: date) -> int:
        """Give what the law allows for `code` on a day, in cents. Raises `LookupError`."""
        for rate in self.statutory_rates:
            is_over = rate.valid_until is not None and day >= rate.valid_until
            if rate.code == code and rate.valid_from <= day and not is_over:
                return rate.amount_cents
        raise LookupError(f"The catalogue has no statutory rate {code} for {day}.")

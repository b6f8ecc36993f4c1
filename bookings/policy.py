"""What a cancellation or a move costs: pure, from the tiers a booking was made under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.definitions import CancellationTier, ServiceDefinition

NO_SHOW = "NO_SHOW"
BY_US = "BY_US"
# Not of our policy: the system before this one ended it, and settled the money.
FORMER_TIER = "V1"


@dataclass(frozen=True)
class Policy:
    """The tiers and the move fee as they were when the booking was made."""

    tiers: tuple[CancellationTier, ...]
    move_fee_cents: int
    free_move_minutes: int

    @classmethod
    def of(cls, service: ServiceDefinition) -> Policy:
        """Give the policy the service has today."""
        return cls(
            tiers=service.cancellation_tiers,
            move_fee_cents=service.move_fee_cents,
            free_move_minutes=service.free_move_minutes,
        )

    def to_snapshot(self) -> dict[str, Any]:
        """Give the policy as JSON, to be kept with a booking."""
        return {**vars(self), "tiers": [dict(vars(tier)) for tier in self.tiers]}

    @classmethod
    def from_snapshot(cls, snapshot: Mapping[str, Any]) -> Policy:
        """Read a kept policy."""
        return cls(
            tiers=tuple(CancellationTier(**tier) for tier in snapshot["tiers"]),
            move_fee_cents=snapshot["move_fee_cents"],
            free_move_minutes=snapshot["free_move_minutes"],
        )

    def tier(self, code: str) -> CancellationTier:
        """Give the tier named `code`. Raises `LookupError`."""
        for tier in self.tiers:
            if tier.code == code:
                return tier
        raise LookupError(code)

    def tier_for(self, *, starts_at: datetime, now: datetime) -> CancellationTier:
        """Give the tier a customer's cancellation falls in, by the time left before `starts_at`."""
        left = starts_at - now
        timed = [tier for tier in self.tiers if tier.min_minutes_before is not None]
        timed.sort(key=lambda tier: tier.min_minutes_before or 0, reverse=True)
        for tier in timed:
            if left >= timedelta(minutes=tier.min_minutes_before or 0):
                return tier
        return timed[-1]


@dataclass(frozen=True)
class Settlement:
    """What is kept of the money paid and what goes back, in cents."""

    tier: str
    label: str
    kept_cents: int
    refund_cents: int


def settle(*, tier: CancellationTier, net_paid_cents: int, travel_fee_cents: int) -> Settlement:
    """Split what was paid by `tier`; what the policy keeps above it is waived."""
    wanted = tier.kept_cents + (travel_fee_cents if tier.keeps_travel_fee else 0)
    kept = min(wanted, net_paid_cents)
    return Settlement(
        tier=tier.code,
        label=tier.label,
        kept_cents=kept,
        refund_cents=net_paid_cents - kept,
    )


@dataclass(frozen=True)
class Move:
    """What moving costs, and which start later cancellations are judged by."""

    fee_cents: int
    tier_starts_at: datetime


def judge_move(
    *,
    policy: Policy,
    starts_at: datetime,
    new_starts_at: datetime,
    tier_starts_at: datetime,
    now: datetime,
    by_us: bool,
) -> Move:
    """Judge a move away from `starts_at`, made `now`.

    A late move cannot reset the cancellation clock: the earliest start the booking had at any
    late move keeps counting.
    """
    is_late = starts_at - now < timedelta(minutes=policy.free_move_minutes)
    if by_us or not is_late:
        kept = tier_starts_at if tier_starts_at != starts_at else new_starts_at
        return Move(fee_cents=0, tier_starts_at=kept)
    return Move(fee_cents=policy.move_fee_cents, tier_starts_at=min(tier_starts_at, starts_at))

"""What a comparison with Stripe has found, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from payments.comparison import Found


@dataclass(frozen=True)
class Line:
    """One difference and what was done about it, in a few words."""

    found: Found
    outcome: str


@dataclass
class Report:
    """The differences, and how many objects of Stripe's were compared."""

    lines: list[Line] = field(default_factory=list)
    intents: int = 0
    refunds: int = 0

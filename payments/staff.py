"""What every action of our staff on money asks for: who, and why."""

from __future__ import annotations

from hmnp.core.context import Actor
from hmnp.core.errors import Fault, ValidationFailed

LONGEST_REASON = 200


def who(actor: Actor) -> str:
    """Name whoever acts, as it is kept on the row."""
    return f"{actor.type}:{actor.id}"[:80]


def reason_of(text: str) -> str:
    """Give the reason that stays on the row. Raises `ValidationFailed` without one."""
    reason = text.strip()[:LONGEST_REASON]
    if not reason:
        raise ValidationFailed(Fault("reason", "required", "Say why."))
    return reason


def amount_within(amount_cents: int, *, most_cents: int, what: str) -> int:
    """Give a positive amount in cents of at most `most_cents`. Raises `ValidationFailed`."""
    if amount_cents <= 0:
        raise ValidationFailed(Fault("amount", "min_value", "The amount must be above 0."))
    if amount_cents > most_cents:
        raise ValidationFailed(Fault("amount", "max_value", f"The amount is more than {what}."))
    return amount_cents

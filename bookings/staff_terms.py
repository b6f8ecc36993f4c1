"""What our staff may set aside for one booking, and what they must say for it.

The one place where a rule is waived: whoever books hands these terms in with the request, and
they are judged before anything is priced or claimed. Two notaries' times never overlap whatever
is waived.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bookings.availability import Misfit
from hmnp.core.context import Actor, ActorType
from hmnp.core.errors import Fault, Forbidden, ValidationFailed
from services.agreed import AS_LISTED, Agreed
from services.pricing import Pricing

# A start off the grid is nobody's wish; the others are promises we may choose not to keep.
WAIVABLE = frozenset(
    {Misfit.INSIDE_NOTICE, Misfit.BEYOND_HORIZON, Misfit.OUTSIDE_HOURS, Misfit.BLACKOUT}
)


@dataclass(frozen=True)
class StaffTerms:
    """What a member of staff asks for beyond what a customer may.

    `waived` rules and an `agreed` price need a `reason`, which stays on the timeline. With
    OUTSIDE_HOURS waived the notary's own hours are set aside too, days off never. `notary_id`
    names who is to do it. `unpaid_reason` says why nothing is collected for now.
    """

    waived: frozenset[Misfit] = frozenset()
    agreed: Agreed = AS_LISTED
    reason: str = ""
    notary_id: int | None = None
    unpaid_reason: str = ""

    @property
    def is_any_hour(self) -> bool:
        """Hours are set aside, the service's and the notary's."""
        return Misfit.OUTSIDE_HOURS in self.waived

    @property
    def is_override(self) -> bool:
        """Something is set aside that a customer could not set aside."""
        return bool(self.waived) or self.agreed != AS_LISTED

    def check(self, *, actor: Actor) -> None:
        """Refuse everybody but staff (`Forbidden`), and an override without its reason
        (`ValidationFailed` on `reason`).
        """
        if actor.type is not ActorType.ADMIN:
            raise Forbidden
        if not self.waived <= WAIVABLE:
            raise ValidationFailed(Fault("waived", "invalid", "This rule cannot be set aside."))
        if self.is_override and not self.reason.strip():
            raise ValidationFailed(
                Fault("reason", "required", "Say why the price or a rule is set aside.")
            )

    def to_metadata(self, *, pricing: Pricing) -> dict[str, Any]:
        """Give what the timeline says of an override; nothing when there is none."""
        if not self.is_override:
            return {}
        found: dict[str, Any] = {"overrideReason": self.reason.strip()}
        if self.waived:
            found["waivedRules"] = sorted(rule.value for rule in self.waived)
        if pricing.agreed_discount_cents:
            found["listPriceCents"] = pricing.final_price_cents + pricing.agreed_discount_cents
        if pricing.agreed_travel_fee_cents is not None:
            found["agreedTravelCents"] = pricing.agreed_travel_fee_cents
        return found


CUSTOMERS_TERMS = StaffTerms()

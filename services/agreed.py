"""What our staff agreed with a customer instead of what the tables say. Pure; cents."""

from __future__ import annotations

from dataclasses import dataclass

from hmnp.core.errors import Fault, ValidationFailed


@dataclass(frozen=True)
class Agreed:
    """A price of our own making; only staff may ask for one, and say why.

    `total_cents` is the whole price and only ever lower than the tables'. `discount_cents` is
    what that took off: it stays when the booking is priced anew. `travel_fee_cents` stands in for
    the bands, and is the only way beyond the last served mile.
    """

    total_cents: int | None = None
    discount_cents: int = 0
    travel_fee_cents: int | None = None

    def discount_on(self, price_cents: int) -> int:
        """Give what comes off a price. Raises `ValidationFailed` on `agreedPrice` above it."""
        if self.total_cents is None:
            return min(self.discount_cents, price_cents)
        if not 0 <= self.total_cents <= price_cents:
            raise ValidationFailed(
                Fault(
                    "agreedPrice",
                    "max_value",
                    "An agreed price can only be lower than the price list's.",
                )
            )
        return price_cents - self.total_cents


AS_LISTED = Agreed()

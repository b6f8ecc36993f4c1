"""What each free time of a day costs, from one read of the catalogue and the promo code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from services import promo_codes, promos
from services.definitions import ServiceDefinition
from services.pricing import PriceFacts, Pricing, calculate_pricing
from services.promos import PromoTerms


@dataclass(frozen=True)
class Asked:
    """Where, how much to sign, and a promo code, as the customer says."""

    service: ServiceDefinition
    zip_code: str | None
    signers: int
    documents: int
    promo_code: str | None


def price_times(
    *, asked: Asked, starts: Iterable[datetime], now: datetime
) -> dict[datetime, Pricing]:
    """Price each start.

    Raises `UnknownZip`, `OutOfServiceArea`, `PromoInvalid`.
    """
    promo = _promo(asked, now)
    return {
        starts_at: calculate_pricing(
            service=asked.service,
            facts=PriceFacts(
                starts_at=starts_at,
                judged_at=now,
                signers=asked.signers,
                documents=asked.documents,
                zip_code=asked.zip_code,
                promo=promo,
            ),
        )
        for starts_at in starts
    }


def extra_cents(prices: dict[datetime, Pricing]) -> dict[datetime, int]:
    """Give what each start costs above the cheapest of them, in cents."""
    least = min((price.final_price_cents for price in prices.values()), default=0)
    return {start: price.final_price_cents - least for start, price in prices.items()}


def _promo(asked: Asked, now: datetime) -> PromoTerms | None:
    if not asked.promo_code:
        return None
    row = promo_codes.find_promo(code=asked.promo_code)
    return promos.check_usable(
        terms=promo_codes.promo_terms(promo=row) if row else None,
        uses=row.times_used if row else 0,
        customer_uses=None,
        at=now,
    )

"""Promo codes as bookings use them: counted under the code's lock, given back when unpaid."""

from __future__ import annotations

from datetime import datetime

from bookings.models import Booking, PromoRedemption
from services import promo_codes, promos
from services.errors import PromoInvalid, PromoReason
from services.models import PromoCode


def take(*, code: str, customer_email: str, now: datetime) -> PromoCode:
    """Lock a code, check every limit with this customer's uses, count one more.

    Raises `PromoInvalid`.
    """
    promo = promo_codes.lock_promo(code=code)
    if promo is None:
        raise PromoInvalid(PromoReason.UNKNOWN)
    customer_uses = PromoRedemption.objects.filter(
        promo=promo, customer_email__iexact=customer_email, released_at__isnull=True
    ).count()
    promos.check_usable(
        terms=promo_codes.promo_terms(promo=promo),
        uses=promo.times_used,
        customer_uses=customer_uses,
        at=now,
    )
    promo_codes.take_use(promo=promo)
    return promo


def redeem(*, promo: PromoCode, booking: Booking, now: datetime) -> None:
    """Remember that a booking used the code."""
    PromoRedemption.objects.create(
        promo=promo,
        booking=booking,
        customer_email=booking.customer_email.lower(),
        redeemed_at=now,
    )


def give_back(*, booking: Booking, now: datetime) -> None:
    """Release the use of a booking that ends unpaid; once, however often it is called."""
    redemption = PromoRedemption.objects.filter(booking=booking, released_at__isnull=True).first()
    if redemption is None:
        return
    redemption.released_at = now
    redemption.save(update_fields=["released_at"])
    promo_codes.give_back_use(promo_id=redemption.promo_id)


def count_again(*, booking: Booking, now: datetime) -> bool:
    """Count a released use anew: late money makes the booking stand at its discounted price.

    A limit stays a limit: when the code, or this customer's share of it, was used up meanwhile,
    the price is kept all the same and the use stays uncounted. True when it counts (again).
    """
    redemption = PromoRedemption.objects.filter(booking=booking, released_at__isnull=False).first()
    if redemption is None:
        return False
    promo = PromoCode.objects.select_for_update().get(pk=redemption.promo_id)
    others = PromoRedemption.objects.filter(
        promo=promo, customer_email__iexact=redemption.customer_email, released_at__isnull=True
    ).count()
    if promo.max_uses_per_customer is not None and others >= promo.max_uses_per_customer:
        return False
    try:
        promo_codes.take_use(promo=promo)
    except PromoInvalid:
        return False
    redemption.released_at = None
    redemption.redeemed_at = now
    redemption.save(update_fields=["released_at", "redeemed_at"])
    return True

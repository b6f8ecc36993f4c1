"""A payment as the contract shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from bookings.models import Booking
from bookings.presenters import booking_body
from hmnp.core.money import dollars
from hmnp.core.times import rfc3339
from payments.actions.open_payment import OpenedPayment
from payments.models import Payment


def payment_body(payment: Payment) -> dict[str, Any]:
    """Give the API's Payment, without any secret."""
    return {
        "id": str(payment.pk),
        "bookingId": str(payment.booking_id) if payment.booking_id else None,
        "paymentIntentId": payment.provider_intent_id,
        "status": payment.status,
        "kind": payment.kind,
        "amount": dollars(payment.amount_cents),
        "amountRefunded": dollars(payment.amount_refunded_cents),
        "currency": payment.currency,
        "createdAt": _when(payment.created_at),
        "settledAt": _when(payment.settled_at),
    }


def intent_body(opened: OpenedPayment) -> dict[str, Any]:
    """Give the answer to an intent but for its client secret."""
    payment = opened.payment
    return {
        "paymentId": str(payment.pk),
        "paymentIntentId": payment.provider_intent_id,
        "publishableKey": settings.STRIPE_PUBLISHABLE_KEY,
        "amount": dollars(payment.amount_cents),
        "currency": payment.currency,
        "status": payment.status,
        "kind": payment.kind,
        "expiresAt": _when(opened.expires_at),
    }


def confirm_body(payment: Payment) -> dict[str, Any]:
    """Give a payment and the booking it is for, as they are now."""
    booking = None
    if payment.booking_id is not None:
        found = Booking.objects.select_related("service", "notary").get(pk=payment.booking_id)
        booking = booking_body(found)
    return {"payment": payment_body(payment), "booking": booking}


def _when(instant: datetime | None) -> str | None:
    if instant is None:
        return None
    return rfc3339(instant, zone=ZoneInfo(settings.BUSINESS_TIME_ZONE))

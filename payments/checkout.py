"""What the pay page needs, and what the page does when the browser comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.conf import settings

from payments.actions.open_payment import open_payment
from payments.actions.settle_payment import settle_payment
from payments.models import Payment
from payments.queries import open_payments_of_booking


@dataclass(frozen=True)
class Checkout:
    """Everything a page with the card field shows and runs; cents.

    `expires_at` is None for a balance. The client secret goes into that page and nowhere else.
    """

    payment: Payment
    client_secret: str = field(repr=False)
    publishable_key: str
    js_url: str
    amount_cents: int
    expires_at: datetime | None


def prepare_checkout(*, booking_id: UUID, now: datetime) -> Checkout:
    """Open, or find again, the intent for what a booking has due.

    Raises what `open_payment` raises.
    """
    opened = open_payment(target=booking_id, now=now)
    return Checkout(
        payment=opened.payment,
        client_secret=opened.client_secret,
        publishable_key=str(settings.STRIPE_PUBLISHABLE_KEY),
        js_url=str(settings.STRIPE_JS_URL),
        amount_cents=opened.payment.amount_cents,
        expires_at=opened.expires_at,
    )


def settle_booking(*, booking_id: UUID, now: datetime) -> list[Payment]:
    """Settle whatever a booking may have been paid by just now, and give those payments.

    Raises `GatewayError`, `ServiceUnavailable`.
    """
    return [
        settle_payment(payment_id=payment_id, now=now)
        for payment_id in list(open_payments_of_booking(booking_id=booking_id))
    ]

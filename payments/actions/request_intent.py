"""Open a payment's intent at Stripe, once, however often and wherever this was interrupted."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from bookings.models import Booking, SlotClaim
from bookings.states import BookingStatus, ClaimState
from hmnp.core import transactions
from hmnp.core.crashpoints import crashpoint
from hmnp.core.errors import NotFound
from payments import stripe_gateway as gateway
from payments.backoff import next_try
from payments.locks import lock_payment
from payments.models import Payment
from payments.provider import GatewayError, Intent
from payments.rows import change
from payments.states import STANDING_BOOKINGS, PaymentKind, PaymentStatus

logger = logging.getLogger(__name__)

# Stripe forgets keys after 24 hours; from then on the same key would open a second intent.
_KEY_LIFETIME = timedelta(hours=23)
# Time for the request that began it to end by itself before the sweeper looks.
_FIRST_LOOK = timedelta(seconds=30)


@dataclass(frozen=True)
class RequestedIntent:
    """An open intent whose reference is stored.

    `is_over`: the payment ended meanwhile. `is_payable`: what it pays for was still to be paid
    then.
    """

    intent: Intent
    is_over: bool
    is_payable: bool


def request_intent(*, payment_id: UUID, now: datetime) -> RequestedIntent:
    """Create the intent with the payment's own key, or find it again, and store its reference.

    The payment must be marked `intent_requested_at` already. Raises `NotFound`, and
    `GatewayError`; when that is permanent there is no intent, and none will come of this payment.
    """
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None or payment.intent_requested_at is None:
        raise NotFound
    if payment.provider_intent_id is not None:
        intent = gateway.retrieve_intent(intent_id=payment.provider_intent_id)
    else:
        intent = _create_or_find(payment, payment.intent_requested_at, now)
    crashpoint("intent.created")
    return transactions.run(lambda: _store(payment_id, intent, now))


def mark_requested(payment: Payment, *, metadata: dict[str, str], now: datetime) -> None:
    """Write down, before the first call, that Stripe will be asked; from here the sweeper minds it.

    The amount is frozen with it.
    """
    change(
        payment,
        now=now,
        intent_requested_at=now,
        intent_metadata=metadata,
        run_at=next_try(now=now, attempts=0, first=_FIRST_LOOK),
        attempts=0,
    )


def is_payable(payment: Payment, *, booking: Booking | None, claim: SlotClaim | None) -> bool:
    """Tell whether a payment is still for something that can be paid."""
    if payment.kind == PaymentKind.BALANCE:
        return booking is not None and booking.status in STANDING_BOOKINGS
    return (
        claim is not None
        and claim.pk == payment.claim_id
        and claim.state == ClaimState.PAYING
        and (booking is None or booking.status == BookingStatus.PENDING_PAYMENT)
    )


def _create_or_find(payment: Payment, requested_at: datetime, now: datetime) -> Intent:
    if now - requested_at > _KEY_LIFETIME:
        found = gateway.find_intent(payment_id=payment.pk, since=requested_at)
        if found is not None:
            return found
    try:
        return _create(payment)
    except GatewayError as error:
        if not error.is_key_spent:
            raise
        logger.warning("idempotency key is spent", extra={"gateway_error": str(error)})
    found = gateway.find_intent(payment_id=payment.pk, since=requested_at)
    if found is not None:
        return found
    # Stripe will answer this key with its stored failure for a day; nothing came of it.
    transactions.run(lambda: _take_new_key(payment.pk, payment.idempotency_key, now))
    payment.refresh_from_db()
    return _create(payment)


def _create(payment: Payment) -> Intent:
    return gateway.create_intent(
        amount_cents=payment.amount_cents,
        currency=payment.currency,
        idempotency_key=payment.idempotency_key,
        metadata=payment.intent_metadata,
    )


def _take_new_key(payment_id: UUID, spent_key: str, now: datetime) -> None:
    payment = lock_payment(payment_id=payment_id).payment
    if payment.idempotency_key == spent_key and payment.provider_intent_id is None:
        stem = f"pi-{payment_id}"
        _, _, last = spent_key.removeprefix(stem).partition("-")
        change(payment, now=now, idempotency_key=f"{stem}-{int(last or 1) + 1}")


def _store(payment_id: UUID, intent: Intent, now: datetime) -> RequestedIntent:
    """Store the reference, and judge again whether what it pays for can still be paid."""
    locked = lock_payment(payment_id=payment_id)
    payment = locked.payment
    is_first = payment.provider_intent_id is None
    if is_first:
        fields = {"status": PaymentStatus.REQUIRES_PAYMENT.value} if payment.is_open else {}
        change(
            payment,
            now=now,
            provider_intent_id=intent.id,
            provider_status=intent.status.value,
            client_secret_hash=hash_client_secret(intent.client_secret),
            run_at=next_try(now=now, attempts=0, first=_FIRST_LOOK),
            attempts=0,
            **fields,
        )
    return RequestedIntent(
        intent=intent,
        is_over=not payment.is_open,
        is_payable=is_payable(payment, booking=locked.booking, claim=locked.claim),
    )


def hash_client_secret(client_secret: str) -> str:
    """Give what is stored of a client secret."""
    return hashlib.sha256(client_secret.encode()).hexdigest()

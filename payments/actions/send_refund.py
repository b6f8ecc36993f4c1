"""Send a promised refund to Stripe, with the row's own key, and record what became of it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from uuid import UUID

from bookings.actions.record_refund import (
    record_refund,
    record_refund_failure,
    reverse_refund,
)
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.crashpoints import crashpoint
from hmnp.core.errors import NotFound
from hmnp.core.events import emit
from payments import stripe_gateway as gateway
from payments.actions.record_dispute import find_disputes
from payments.actors import STRIPE
from payments.backoff import next_try
from payments.events import RefundFailed, RefundSent
from payments.locks import LockedPayment, booking_counting, lock_refund
from payments.models import Payment, Refund
from payments.provider import GatewayError, ProviderRefund
from payments.queries import sendable_refunds
from payments.refund_cases import open_refund_case, settle_refund_case
from payments.rows import set_refunded
from payments.states import RefundState

logger = logging.getLogger(__name__)

# While one worker talks to Stripe, others leave the row alone this long.
_LEASE = timedelta(seconds=60)
_KEY_LIFETIME = timedelta(hours=23)
# Stripe's word for what must wait until the bank has decided.
_DISPUTED = "charge_disputed"
# It goes on being tried; about half an hour of failing is worth a look.
_TRIES_BEFORE_A_PERSON = 8


def send_refund(*, refund_id: UUID, now: datetime, actor: Actor = STRIPE) -> Refund:
    """Send a due refund, or ask what became of one that Stripe has, and record it.

    A failure that may pass is tried again later; one that will not leaves the refund FAILED and is
    logged for a person. Raises `NotFound`.
    """
    refund = transactions.run(lambda: _take(refund_id, now))
    if refund is None:
        return _read(refund_id)
    crashpoint("refund.taken")
    payment = Payment.objects.get(pk=refund.payment_id)
    if payment.provider_intent_id is None:
        error = GatewayError("The payment has no intent.", permanent=True)
        transactions.run(lambda: _fail(refund_id, error, actor, now))
        return _read(refund_id)
    try:
        found = _ask(refund, payment, payment.provider_intent_id, now)
    except GatewayError as caught:
        failure = caught
        transactions.run(lambda: _fail(refund_id, failure, actor, now))
        if failure.code == _DISPUTED:
            find_disputes(payment_id=payment.pk, now=now)
        return _read(refund_id)
    crashpoint("refund.sent")
    transactions.run(lambda: _record(refund_id, found, actor, now))
    crashpoint("refund.recorded")
    return _read(refund_id)


def _read(refund_id: UUID) -> Refund:
    refund = Refund.objects.filter(pk=refund_id).first()
    if refund is None:
        raise NotFound
    return refund


def _take(refund_id: UUID, now: datetime) -> Refund | None:
    """Take a due row for this worker; None when it is not due or another one has it."""
    taken = (
        sendable_refunds()
        .filter(pk=refund_id, run_at__lte=now)
        .update(run_at=now + _LEASE, updated_at=now)
    )
    if not taken:
        return None
    Refund.objects.filter(pk=refund_id, sent_at__isnull=True).update(sent_at=now)
    return _read(refund_id)


def _ask(refund: Refund, payment: Payment, intent_id: str, now: datetime) -> ProviderRefund:
    if refund.provider_refund_id is not None:
        return gateway.retrieve_refund(provider_refund_id=refund.provider_refund_id)
    if refund.sent_at is not None and now - refund.sent_at > _KEY_LIFETIME:
        found = gateway.find_refund(intent_id=intent_id, refund_id=refund.pk)
        if found is not None:
            return found
    try:
        return _create(refund, payment, intent_id)
    except GatewayError as error:
        if not error.is_key_spent:
            raise
        logger.warning("idempotency key is spent", extra={"gateway_error": str(error)})
    found = gateway.find_refund(intent_id=intent_id, refund_id=refund.pk)
    if found is not None:
        return found
    # Stripe will answer this key with its stored failure for a day; nothing came of it.
    stem = f"rf-{refund.pk}"
    _, _, last = refund.idempotency_key.removeprefix(stem).partition("-")
    Refund.objects.filter(pk=refund.pk, idempotency_key=refund.idempotency_key).update(
        idempotency_key=f"{stem}-{int(last or 1) + 1}"
    )
    refund.refresh_from_db()
    return _create(refund, payment, intent_id)


def _create(refund: Refund, payment: Payment, intent_id: str) -> ProviderRefund:
    return gateway.create_refund(
        intent_id=intent_id,
        amount_cents=refund.amount_cents,
        idempotency_key=refund.idempotency_key,
        metadata={
            "refund_id": str(refund.pk),
            "payment_id": str(payment.pk),
            "booking_id": str(payment.booking_id or ""),
        },
    )


def record_provider_refund(
    *, refund_id: UUID, found: ProviderRefund, now: datetime, actor: Actor = STRIPE
) -> None:
    """Make our row say what Stripe says of a refund, also when it failed after it had succeeded."""
    transactions.run(lambda: _record(refund_id, found, actor, now))


def _record(refund_id: UUID, found: ProviderRefund, actor: Actor, now: datetime) -> None:
    locked, refund = lock_refund(refund_id=refund_id)
    refund.provider_refund_id = found.id
    refund.updated_at = now
    match found.status:
        case "succeeded":
            _succeed(locked, refund, actor, now)
        case "failed" | "canceled":
            refund.last_error = f"{found.status}: {found.failure_reason}"[:200]
            _give_up(locked, refund, actor, now)
        case _:
            refund.status = RefundState.PENDING.value
            refund.attempts += 1
            refund.run_at = next_try(now=now, attempts=refund.attempts)
    refund.save()


def _succeed(locked: LockedPayment, refund: Refund, actor: Actor, now: datetime) -> None:
    if refund.status == RefundState.SUCCEEDED:
        return
    refund.status = RefundState.SUCCEEDED.value
    refund.settled_at = now
    refund.last_error = ""
    settle_refund_case(refund=refund, how="The provider has paid it back.")
    set_refunded(locked.payment, locked.payment.amount_refunded_cents + refund.amount_cents, now)
    booking = booking_counting(locked)
    if booking is not None:
        record_refund(
            booking=booking,
            refund_id=refund.pk,
            amount_cents=refund.amount_cents,
            actor=actor,
            now=now,
        )
    emit(
        RefundSent(
            payment_id=locked.payment.pk,
            booking_id=locked.payment.booking_id,
            amount_cents=refund.amount_cents,
            refund_id=refund.pk,
        )
    )


def _give_up(locked: LockedPayment, refund: Refund, actor: Actor, now: datetime) -> None:
    """Leave a refund FAILED: the money is with us, and only a person can find another way."""
    if refund.status == RefundState.FAILED:
        return
    had_succeeded = refund.status == RefundState.SUCCEEDED
    refund.status = RefundState.FAILED.value
    refund.settled_at = now
    logger.error(
        "refund failed for good",
        extra={"refund_id": str(refund.pk), "gateway_error": refund.last_error},
    )
    open_refund_case(refund=refund, booking_id=locked.payment.booking_id)
    if had_succeeded:
        set_refunded(
            locked.payment, locked.payment.amount_refunded_cents - refund.amount_cents, now
        )
    booking = booking_counting(locked)
    if booking is not None and had_succeeded:
        reverse_refund(
            booking=booking,
            refund_id=refund.pk,
            amount_cents=refund.amount_cents,
            actor=actor,
            now=now,
        )
    elif booking is not None:
        record_refund_failure(
            booking=booking,
            refund_id=refund.pk,
            reason=refund.last_error,
            actor=actor,
            now=now,
        )
    emit(
        RefundFailed(
            payment_id=locked.payment.pk,
            booking_id=locked.payment.booking_id,
            amount_cents=refund.amount_cents,
            refund_id=refund.pk,
        )
    )


def _fail(refund_id: UUID, error: GatewayError, actor: Actor, now: datetime) -> None:
    """Plan another try, or give up when none can succeed."""
    locked, refund = lock_refund(refund_id=refund_id)
    if refund.status not in (RefundState.REQUESTED, RefundState.PENDING):
        return
    refund.last_error = str(error)[:200]
    refund.updated_at = now
    refund.attempts += 1
    if error.permanent and error.code != _DISPUTED:
        _give_up(locked, refund, actor, now)
    else:
        logger.warning("refund not sent", extra={"gateway_error": refund.last_error})
        refund.run_at = next_try(now=now, attempts=refund.attempts)
        if refund.attempts >= _TRIES_BEFORE_A_PERSON:
            open_refund_case(refund=refund, booking_id=locked.payment.booking_id)
    refund.save()

"""The one way money is found to have come, or not: fetch from Stripe, lock, compare-and-swap.

The confirm endpoint, webhooks, the sweeper and staff all call this. What they were told is only a
hint, so neither order nor repetition of hints can matter.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from uuid import UUID

from bookings.actions.finish_closing import finish_closing
from bookings.actions.prolong_payment import prolong_payment
from bookings.actions.record_payment import PaymentOutcome, record_payment
from bookings.actions.record_payment_failure import record_payment_failure
from bookings.states import ClaimState
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.crashpoints import crashpoint
from hmnp.core.errors import NotFound, ServiceUnavailable
from hmnp.core.events import emit
from payments import stripe_gateway as gateway
from payments.actions.request_refund import request_full_refund
from payments.actions.resolve_late_payment import resolve_late_payment
from payments.actors import STRIPE
from payments.backoff import next_try
from payments.duplicates import is_paid_otherwise
from payments.events import PaymentFailed, PaymentSettled
from payments.late_money import open_late_case
from payments.locks import LockedPayment, lock_payment
from payments.models import Payment
from payments.processing_cases import open_processing_case, settle_processing_case
from payments.provider import GatewayError, Intent, IntentStatus
from payments.rows import change
from payments.states import PaymentKind, PaymentStatus

logger = logging.getLogger(__name__)

_FETCHES = 5
# How soon the sweeper looks again, and at most how late: a claim waits for it, a balance does not.
_FIRST_LOOK = timedelta(seconds=30)
_LONGEST_FOR_CLAIM = timedelta(seconds=60)
_LONGEST_FOR_BALANCE = timedelta(hours=1)


def settle_payment(*, payment_id: UUID, now: datetime, actor: Actor = STRIPE) -> Payment:
    """Make our rows say what Stripe says of a payment, and give it.

    Money for a claim still being paid for confirms its booking; money nobody can use any more is
    refunded; money that came late is resolved in a transaction of its own. Raises `NotFound`,
    `GatewayError`, `ServiceUnavailable`.
    """
    if not any(_settle_once(payment_id, actor, now) for _ in range(_FETCHES)):
        raise ServiceUnavailable(retry_after=2)
    crashpoint("settle.committed")
    payment = _read(payment_id)
    if payment.late_since is not None:
        resolve_late_payment(payment_id=payment_id, now=now, actor=actor)
        payment = _read(payment_id)
    _describe(payment)
    return payment


def _read(payment_id: UUID) -> Payment:
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise NotFound
    return payment


def _settle_once(payment_id: UUID, actor: Actor, now: datetime) -> bool:
    """Fetch and write; False when the row changed while Stripe was asked."""
    payment = _read(payment_id)
    if not payment.is_open or payment.provider_intent_id is None:
        return True
    intent = gateway.retrieve_intent(intent_id=payment.provider_intent_id)
    crashpoint("settle.fetched")
    return transactions.run(lambda: _apply(payment_id, intent, payment.version, actor, now))


def _apply(payment_id: UUID, intent: Intent, seen: int, actor: Actor, now: datetime) -> bool:
    """Write what `intent` means; False when the row changed since, so that it may be outdated."""
    locked = lock_payment(payment_id=payment_id)
    payment = locked.payment
    if payment.version != seen:
        return False
    _check_is_ours(payment, intent)
    if intent.status != IntentStatus.PROCESSING and payment.status == PaymentStatus.PROCESSING:
        settle_processing_case(payment=payment, how=f"Stripe says {intent.status}.")
    match intent.status:
        case IntentStatus.SUCCEEDED:
            _take_money(locked, intent, actor, now)
        case IntentStatus.CANCELED:
            _end_unpaid(locked, actor, now)
        case IntentStatus.PROCESSING:
            _wait_for_bank(locked, now)
        case _:
            _note_attempt(locked, intent, actor, now)
    return True


def _check_is_ours(payment: Payment, intent: Intent) -> None:
    """Refuse an intent that does not collect exactly this payment."""
    is_ours = (
        intent.metadata.get("payment_id") == str(payment.pk)
        and intent.amount_cents == payment.amount_cents
        and intent.currency == payment.currency
    )
    if not is_ours:
        logger.error(
            "intent does not match its payment",
            extra={"payment_id": str(payment.pk), "intent_id": intent.id},
        )
        raise GatewayError("The intent does not match its payment.", permanent=True)


def _take_money(locked: LockedPayment, intent: Intent, actor: Actor, now: datetime) -> None:
    payment = locked.payment
    change(
        payment,
        now=now,
        status=PaymentStatus.SUCCEEDED.value,
        provider_status=intent.status.value,
        amount_captured_cents=intent.amount_received_cents,
        decline_code="",
        attempts=0,
        settled_at=now,
    )
    emit(
        PaymentSettled(
            payment_id=payment.pk,
            booking_id=payment.booking_id,
            amount_cents=payment.amount_captured_cents,
            kind=payment.kind,
        )
    )
    if locked.booking is None:
        _keep_for_hold(locked, actor, now)
        return
    if is_paid_otherwise(payment=payment, booking=locked.booking):
        # The booking never counts it, so that giving it back cannot touch the booking.
        change(payment, now=now, is_duplicate=True)
        request_full_refund(payment=payment, reason_key="duplicate", now=now)
        return
    outcome = record_payment(
        booking=locked.booking,
        claim=locked.claim,
        payment_id=payment.pk,
        amount_cents=payment.amount_captured_cents,
        kind=payment.kind,
        actor=actor,
        now=now,
    )
    if outcome is PaymentOutcome.LATE:
        change(payment, now=now, late_since=now, run_at=now)
        open_late_case(payment=payment)
    elif outcome is PaymentOutcome.UNWANTED:
        request_full_refund(payment=payment, reason_key="unwanted", now=now)
        _release_if_closing(locked, actor, now)


def _keep_for_hold(locked: LockedPayment, actor: Actor, now: datetime) -> None:
    """Keep money paid on a hold for the booking to come, or refund it when none can come."""
    if locked.claim is not None and locked.claim.state == ClaimState.PAYING:
        return
    request_full_refund(payment=locked.payment, reason_key="unclaimed", now=now)
    _release_if_closing(locked, actor, now)


def _end_unpaid(locked: LockedPayment, actor: Actor, now: datetime) -> None:
    change(
        locked.payment,
        now=now,
        status=PaymentStatus.CANCELLED.value,
        provider_status=IntentStatus.CANCELED.value,
    )
    _release_if_closing(locked, actor, now)


def _release_if_closing(locked: LockedPayment, actor: Actor, now: datetime) -> None:
    """Free the time this payment was closing; a balance never had one."""
    claim, payment = locked.claim, locked.payment
    if claim is None or claim.pk != payment.claim_id or claim.state != ClaimState.CLOSING:
        return
    finish_closing(claim=claim, booking=locked.booking, actor=actor, now=now)


def _wait_for_bank(locked: LockedPayment, now: datetime) -> None:
    payment, claim = locked.payment, locked.claim
    is_new = payment.status != PaymentStatus.PROCESSING
    _look_again(
        payment,
        now=now,
        is_new=is_new,
        status=PaymentStatus.PROCESSING.value,
        provider_status=IntentStatus.PROCESSING.value,
        decline_code="",
    )
    is_paid_for = claim is not None and claim.state in (ClaimState.PAYING, ClaimState.CLOSING)
    if claim is not None and is_paid_for and payment.kind != PaymentKind.BALANCE:
        prolong_payment(claim=claim, booking=locked.booking, now=now)
        if claim.expires_at is not None and claim.expires_at <= transactions.database_now():
            # Stripe neither takes it nor lets us cancel: the time stays taken until a person looks.
            open_processing_case(payment=payment)


def _note_attempt(locked: LockedPayment, intent: Intent, actor: Actor, now: datetime) -> None:
    """Note that no money has come yet, and tell of an attempt that was declined, once."""
    payment = locked.payment
    is_declined = bool(intent.decline_code) and intent.attempt_id != payment.declined_attempt
    is_new = (
        payment.status != PaymentStatus.REQUIRES_PAYMENT
        or payment.provider_status != intent.status
        or payment.decline_code != intent.decline_code
        or is_declined
    )
    _look_again(
        payment,
        now=now,
        is_new=is_new,
        status=PaymentStatus.REQUIRES_PAYMENT.value,
        provider_status=intent.status.value,
        decline_code=intent.decline_code[:60],
        declined_attempt=intent.attempt_id if is_declined else payment.declined_attempt,
    )
    if not is_declined:
        return
    if locked.booking is not None:
        record_payment_failure(
            booking=locked.booking,
            payment_id=payment.pk,
            decline_code=payment.decline_code,
            actor=actor,
            now=now,
        )
    emit(
        PaymentFailed(
            payment_id=payment.pk,
            booking_id=payment.booking_id,
            amount_cents=payment.amount_cents,
            decline_code=payment.decline_code,
            attempt_id=intent.attempt_id,
        )
    )


def _look_again(payment: Payment, *, now: datetime, is_new: bool, **fields: object) -> None:
    """Plan the sweeper's next look: soon after something happened, ever later when nothing did."""
    attempts = 0 if is_new else payment.attempts + 1
    is_balance = payment.kind == PaymentKind.BALANCE
    longest = _LONGEST_FOR_BALANCE if is_balance else _LONGEST_FOR_CLAIM
    run_at = next_try(now=now, attempts=attempts, first=_FIRST_LOOK, longest=longest)
    if is_new:
        change(payment, now=now, attempts=attempts, run_at=run_at, **fields)
    else:
        Payment.objects.filter(pk=payment.pk).update(attempts=attempts, run_at=run_at)


def _describe(payment: Payment) -> None:
    """Name the booking on an intent that was opened before there was one, for people at Stripe."""
    if payment.booking_id is None or payment.provider_intent_id is None:
        return
    if "booking_id" in payment.intent_metadata:
        return
    booking = payment.booking
    metadata = {
        **payment.intent_metadata,
        "booking_id": str(payment.booking_id),
        "reference": booking.reference if booking else "",
    }
    try:
        gateway.describe_intent(intent_id=payment.provider_intent_id, metadata=metadata)
    except GatewayError as error:
        # It is for reading only; money does not depend on it.
        logger.warning("intent not described", extra={"gateway_error": str(error)})
        return
    Payment.objects.filter(pk=payment.pk).update(intent_metadata=metadata)

"""Ask for what is due: one payment row, one live intent, however often it is asked for."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn
from uuid import UUID

from bookings import holders
from bookings.actions.begin_payment import begin_payment
from bookings.errors import HoldExpired, InvalidStatusTransition, NothingDue, PriceChanged
from bookings.locks import LockedBooking, lock_booking, lock_claim
from bookings.models import Booking, SlotClaim
from bookings.states import BookingStatus
from hmnp.core import transactions
from hmnp.core.crashpoints import crashpoint
from hmnp.core.errors import ServiceUnavailable
from hmnp.core.tokens import Token
from payments import doorbell
from payments.actions.close_payment import close_payment, end_without_intent
from payments.actions.request_intent import RequestedIntent, mark_requested, request_intent
from payments.actions.settle_payment import settle_payment
from payments.actors import STRIPE
from payments.locks import (
    lock_payment,
    lock_payments_of_booking,
    lock_payments_of_claim,
)
from payments.models import Payment
from payments.provider import GatewayError, IntentStatus
from payments.rows import add_payment, change, kind_of_due
from payments.states import CAPTURED_PAYMENTS, STANDING_BOOKINGS, PaymentKind, PaymentStatus
from services.pricing import LEAST_CHARGE_CENTS, Pricing

logger = logging.getLogger(__name__)

_TRIES = 4


@dataclass(frozen=True)
class OpenedPayment:
    """A payment and what a browser needs to pay it. `is_new`: nobody had asked for it before."""

    payment: Payment
    client_secret: str
    is_new: bool
    expires_at: datetime | None

    def __repr__(self) -> str:
        return f"OpenedPayment({self.payment.pk})"


@dataclass(frozen=True)
class HoldToPay:
    """A hold, the token that proves it, and the total its holder was promised, if any."""

    token: Token
    promised_cents: int | None = None


@dataclass(frozen=True)
class _Begun:
    payment_id: UUID
    # Of the same request, whoever stores the reference first: Stripe's webhook may be faster.
    is_new: bool = False
    # Its amount is not the one due any more, so it must make room for another.
    is_outdated: bool = False


def open_payment(*, target: UUID | HoldToPay, now: datetime) -> OpenedPayment:
    """Open the intent for what a booking (by its id) or a hold has due, or give the live one again.

    The amount is ours: the deposit or all of it while the booking is pending, the balance later.
    Raises `HoldNotFound`, `NotFound`, `HoldExpired`, `NothingDue`, `InvalidStatusTransition`,
    `PriceChanged`, and `ServiceUnavailable` when Stripe cannot be reached; the sweeper then goes
    on with what was begun.
    """
    for _ in range(_TRIES):
        begun = transactions.run(lambda: _begin(target, now))
        crashpoint("intent.committed")
        try:
            opened = _go_on(begun, now)
        except GatewayError as error:
            if error.permanent:
                _give_up(begun.payment_id, now)
            logger.warning("intent not opened", extra={"gateway_error": str(error)})
            raise ServiceUnavailable(
                "Card payments cannot be reached right now; please try again.", retry_after=5
            ) from None
        if opened is not None:
            return opened
    raise ServiceUnavailable(retry_after=2)


def _go_on(begun: _Begun, now: datetime) -> OpenedPayment | None:
    """Talk to Stripe; None when the payment turned out to be over, so that we begin again."""
    if begun.is_outdated:
        close_payment(payment_id=begun.payment_id, now=now)
        return None
    requested = request_intent(payment_id=begun.payment_id, now=now)
    crashpoint("intent.stored")
    if requested.is_over:
        return None
    if not requested.is_payable:
        _withdraw(begun.payment_id)
    if requested.intent.status in (IntentStatus.SUCCEEDED, IntentStatus.CANCELED):
        settle_payment(payment_id=begun.payment_id, now=now)
        return None
    return _opened(begun, requested)


def _opened(begun: _Begun, requested: RequestedIntent) -> OpenedPayment:
    payment = Payment.objects.select_related("claim").get(pk=begun.payment_id)
    return OpenedPayment(
        payment=payment,
        client_secret=requested.intent.client_secret,
        is_new=begun.is_new,
        expires_at=payment.claim.expires_at if payment.claim else None,
    )


def _withdraw(payment_id: UUID) -> NoReturn:
    """What was to be paid ended while Stripe was asked: have the job cancel the intent, or settle.

    The refusal does not wait for it; the sweeper does what the bell does not.
    """
    transactions.run(lambda: doorbell.ring(doorbell.ATTEND, payment_id))
    kind = Payment.objects.values_list("kind", flat=True).get(pk=payment_id)
    if kind == PaymentKind.BALANCE:
        raise InvalidStatusTransition
    raise HoldExpired


def _give_up(payment_id: UUID, now: datetime) -> None:
    """Mark a payment that Stripe will never take; the next request asks with another row."""

    def work() -> None:
        locked = lock_payment(payment_id=payment_id)
        if locked.payment.is_open and locked.payment.provider_intent_id is None:
            logger.error("Stripe refuses an intent", extra={"payment_id": str(payment_id)})
            end_without_intent(locked, status=PaymentStatus.FAILED, actor=STRIPE, now=now)

    transactions.run(work)


def _begin(target: UUID | HoldToPay, now: datetime) -> _Begun:
    if isinstance(target, HoldToPay):
        claim = lock_claim(claim_id=target.token.subject_id)
        holders.check_token(claim=claim, token=target.token)
        if claim.booking_id is None:
            return _begin_hold(claim, target, now)
        return _begin_held_booking(claim.booking_id, now)
    return _begin_booking(lock_booking(booking_id=target), now)


def _begin_held_booking(booking_id: UUID, now: datetime) -> _Begun:
    """Pay for what a hold has become; its token opens the deposit, not the balance."""
    # The lock order starts with the same notary.
    locked = lock_booking(booking_id=booking_id)
    if locked.booking.status in STANDING_BOOKINGS:
        raise NothingDue
    return _begin_booking(locked, now)


def _begin_hold(claim: SlotClaim, hold: HoldToPay, now: datetime) -> _Begun:
    pricing = Pricing.from_snapshot(claim.pricing)
    if hold.promised_cents is not None and hold.promised_cents != pricing.final_price_cents:
        raise PriceChanged("The quote is not what this time was held for.", field="quoteToken")
    payments = lock_payments_of_claim(claim_id=claim.pk)
    if any(payment.status in CAPTURED_PAYMENTS for payment in payments):
        raise NothingDue
    due = pricing.deposit_required_cents
    if due < LEAST_CHARGE_CENTS:
        raise NothingDue
    begin_payment(claim=claim, now=now)
    payment = _open_one(payments) or add_payment(
        booking=None,
        claim=claim,
        kind=kind_of_due(due_cents=due, price_cents=pricing.final_price_cents),
        amount_cents=due,
        now=now,
    )
    return _mark(payment, due_cents=due, metadata={"claim_id": str(claim.pk)}, now=now)


def _begin_booking(locked: LockedBooking, now: datetime) -> _Begun:
    booking = locked.booking
    payments = lock_payments_of_booking(booking_id=booking.pk)
    metadata = {"booking_id": str(booking.pk), "reference": booking.reference}
    match booking.status:
        case BookingStatus.PENDING_PAYMENT:
            return _begin_due(locked, payments, metadata, now)
        case status if status in STANDING_BOOKINGS:
            return _begin_balance(booking, payments, metadata, now)
        case BookingStatus.EXPIRED:
            raise HoldExpired
        case _:
            raise InvalidStatusTransition


def _begin_due(
    locked: LockedBooking, payments: list[Payment], metadata: dict[str, str], now: datetime
) -> _Begun:
    booking, claim = locked.booking, locked.claim
    if claim is None:
        raise HoldExpired
    begin_payment(claim=claim, booking=booking, now=now)
    due = booking.amount_due_cents
    if due < LEAST_CHARGE_CENTS:
        raise NothingDue
    own = [payment for payment in payments if payment.kind != PaymentKind.BALANCE]
    payment = _open_one(own) or add_payment(
        booking=booking,
        claim=claim,
        kind=kind_of_due(due_cents=due, price_cents=booking.price_cents),
        amount_cents=due,
        now=now,
    )
    return _mark(payment, due_cents=due, metadata=metadata, now=now)


def _begin_balance(
    booking: Booking, payments: list[Payment], metadata: dict[str, str], now: datetime
) -> _Begun:
    due = booking.balance_due_cents
    payment = _open_one([p for p in payments if p.kind == PaymentKind.BALANCE])
    if due < LEAST_CHARGE_CENTS:
        raise NothingDue
    if payment is None:
        payment = add_payment(
            booking=booking, claim=None, kind=PaymentKind.BALANCE, amount_cents=due, now=now
        )
    elif payment.intent_requested_at is not None and payment.amount_cents != due:
        return _Begun(payment_id=payment.pk, is_outdated=True)
    return _mark(payment, due_cents=due, metadata=metadata, now=now)


def _mark(payment: Payment, *, due_cents: int, metadata: dict[str, str], now: datetime) -> _Begun:
    """Freeze the amount with the first request; later ones find it as it is."""
    is_new = payment.intent_requested_at is None
    if is_new:
        if payment.amount_cents != due_cents:
            change(payment, now=now, amount_cents=due_cents)
        mark_requested(payment, metadata={"payment_id": str(payment.pk), **metadata}, now=now)
    return _Begun(payment_id=payment.pk, is_new=is_new)


def _open_one(payments: list[Payment]) -> Payment | None:
    return next((payment for payment in payments if payment.is_open), None)

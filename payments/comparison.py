"""What of Stripe's records and of ours does not agree, one object at a time. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from payments.ledger_sums import NOTHING, Sums
from payments.models import Payment, Refund
from payments.provider import Intent, IntentStatus, ProviderRefund
from payments.states import CAPTURED_PAYMENTS, MismatchKind, RefundMethod, RefundState

# Repairs that are safe without a person: Stripe is asked, and our rows follow.
SETTLE = "settle"
REFUND_UNKNOWN = "refund_unknown_charge"
# Money nobody here waits for: it is over once it has gone back.
REFUND_THERE = "refund_at_stripe"

_GONE = ("failed", "canceled")


@dataclass(frozen=True)
class Found:
    """One difference; `repair` is a code of what would mend it."""

    kind: MismatchKind
    subject: str
    detail: str
    repair: str
    booking_id: UUID | None = None
    amount_cents: int = 0

    @property
    def key(self) -> str:
        """Name the difference, so that it is one however often it is seen."""
        return f"{self.kind}:{self.subject}"


def judge_intent(
    *, intent_id: str, intent: Intent | None, payment: Payment | None, booked: Sums = NOTHING
) -> Found | None:
    """Compare an intent with its payment and with what the books say of it.

    `intent` None: Stripe has none. `payment` None: none of ours collects by it; what has gone
    back of its money is not known here.
    """
    subject = f"intent:{intent_id}"
    if payment is None:
        return _judge_foreign(subject, intent)
    ours = payment.status

    def found(kind: MismatchKind, detail: str, repair: str) -> Found:
        return Found(kind, subject, detail, repair, payment.booking_id, payment.amount_cents)

    if intent is None:
        return found(
            MismatchKind.MISSING_THERE,
            f"Stripe does not know the intent of a payment that is {ours} here.",
            "look_at_payment",
        )
    is_captured = ours in CAPTURED_PAYMENTS
    if intent.amount_cents != payment.amount_cents or intent.currency != payment.currency:
        return found(
            MismatchKind.AMOUNT_DIFFERS,
            f"Stripe asks {intent.amount_cents} {intent.currency}, "
            f"we {payment.amount_cents} {payment.currency}.",
            "look_at_payment",
        )
    received = intent.amount_received_cents
    is_paid = intent.status is IntentStatus.SUCCEEDED
    if is_captured and is_paid:
        if received == payment.amount_captured_cents == booked.paid_cents:
            return None
        return found(
            MismatchKind.AMOUNT_DIFFERS,
            f"Stripe took {received} cents, we say {payment.amount_captured_cents}, "
            f"the books {booked.paid_cents}.",
            "look_at_payment",
        )
    is_over = intent.status in (IntentStatus.SUCCEEDED, IntentStatus.CANCELED)
    if payment.is_open and not is_over:
        return None
    if intent.status is IntentStatus.CANCELED and not payment.is_open and not is_captured:
        return None
    if payment.is_open:
        repair = SETTLE
    elif is_paid:
        repair = REFUND_THERE
    else:
        repair = "look_at_payment" if is_captured else "cancel_at_stripe"
    return found(
        MismatchKind.STATUS_DIFFERS, f"Stripe says {intent.status}, we say {ours}.", repair
    )


def _judge_foreign(subject: str, intent: Intent | None) -> Found | None:
    if intent is None or intent.status is IntentStatus.CANCELED:
        return None
    if intent.amount_received_cents:
        return Found(
            MismatchKind.UNKNOWN_CHARGE,
            subject,
            f"Stripe took {intent.amount_received_cents} cents that no payment of ours asked for.",
            REFUND_UNKNOWN,
            amount_cents=intent.amount_received_cents,
        )
    return Found(
        MismatchKind.MISSING_HERE,
        subject,
        f"Stripe has an intent that is {intent.status} and no payment of ours.",
        "cancel_at_stripe",
        amount_cents=intent.amount_cents,
    )


def judge_refund(
    *,
    provider_refund_id: str,
    found: ProviderRefund | None,
    refund: Refund | None,
    payment: Payment | None,
) -> Found | None:
    """Compare a refund with ours; `payment` is the one whose money it gives back, if it is ours."""
    subject = f"refund:{provider_refund_id}"
    if refund is None:
        return _judge_foreign_refund(subject, found, payment)
    ours = refund.status
    booking_id = payment.booking_id if payment else None

    def differs(kind: MismatchKind, detail: str, repair: str) -> Found:
        return Found(kind, subject, detail, repair, booking_id, refund.amount_cents)

    if found is None:
        return differs(
            MismatchKind.MISSING_THERE,
            f"Stripe does not know a refund that is {ours} here.",
            "look_at_refund",
        )
    if found.amount_cents != refund.amount_cents:
        return differs(
            MismatchKind.AMOUNT_DIFFERS,
            f"Stripe gives back {found.amount_cents} cents, we say {refund.amount_cents}.",
            "look_at_refund",
        )
    detail = f"Stripe says {found.status}, we say {ours}."
    if found.status in _GONE:
        if ours == RefundState.FAILED:
            return None
        return differs(MismatchKind.STATUS_DIFFERS, detail, SETTLE)
    is_under_way = ours in (RefundState.REQUESTED, RefundState.PENDING)
    if found.status == "succeeded":
        if ours == RefundState.SUCCEEDED:
            return None
        repair = SETTLE if is_under_way else "look_at_refund"
        return differs(MismatchKind.STATUS_DIFFERS, detail, repair)
    return None if is_under_way else differs(MismatchKind.STATUS_DIFFERS, detail, "look_at_refund")


def _judge_foreign_refund(
    subject: str, found: ProviderRefund | None, payment: Payment | None
) -> Found | None:
    """Judge a refund that is no row of ours; that of a foreign charge is no matter."""
    if found is None or payment is None or found.status in _GONE:
        return None
    if payment.status not in CAPTURED_PAYMENTS:
        # Given back of money we never counted.
        return None
    if payment.refunds.filter(
        method=RefundMethod.FORMER.value, amount_cents__gte=found.amount_cents
    ).exists():
        # Given back by the system before this one, which kept no name of it.
        return None
    return Found(
        MismatchKind.REFUND_UNKNOWN,
        subject,
        f"Stripe gave back {found.amount_cents} cents that we did not ask it to.",
        "record_refund",
        payment.booking_id,
        found.amount_cents,
    )


def left_of(*, intent: Intent, refunds: Iterable[ProviderRefund]) -> int:
    """Give what of an intent's money Stripe has not given back, nor is about to; cents."""
    back = sum(refund.amount_cents for refund in refunds if refund.status not in _GONE)
    return max(intent.amount_received_cents - back, 0)

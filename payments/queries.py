"""What is due: the rows the sweeper takes up, bounded, longest waiting first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from bookings.models import SlotClaim
from bookings.states import ClaimState
from payments.models import Dispute, Payment, Refund
from payments.states import OPEN_PAYMENTS, DisputeState, RefundMethod, RefundState

_OPEN = [status.value for status in OPEN_PAYMENTS]


def claims_to_close(*, now: datetime, clock: datetime, limit: int) -> list[UUID]:
    """List PAYING claims past their time, and CLOSING ones whose payment is not waiting.

    A claim's time is the database's `clock`, which has given it.
    """
    waits = Payment.objects.filter(
        claim=OuterRef("pk"),
        status__in=_OPEN,
        intent_requested_at__isnull=False,
        run_at__gt=now,
    )
    return list(
        SlotClaim.objects.filter(
            Q(state=ClaimState.PAYING.value, expires_at__lte=clock)
            | Q(Q(state=ClaimState.CLOSING.value) & ~Exists(waits))
        )
        .order_by("expires_at")
        .values_list("pk", flat=True)[:limit]
    )


def payments_to_attend(*, now: datetime, limit: int) -> list[UUID]:
    """List open payments whose next look is due; what was never asked for waits for its claim."""
    return list(
        Payment.objects.filter(status__in=_OPEN, run_at__lte=now, intent_requested_at__isnull=False)
        .order_by("run_at")
        .values_list("pk", flat=True)[:limit]
    )


def late_payments(*, now: datetime, limit: int) -> list[UUID]:
    """List payments whose money came late and is neither used nor promised back."""
    return list(
        Payment.objects.filter(late_since__isnull=False, run_at__lte=now)
        .order_by("run_at")
        .values_list("pk", flat=True)[:limit]
    )


def refunds_to_send(*, now: datetime, limit: int) -> list[UUID]:
    """List refunds to send, or to ask about."""
    return list(
        sendable_refunds()
        .filter(run_at__lte=now)
        .order_by("run_at")
        .values_list("pk", flat=True)[:limit]
    )


def sendable_refunds() -> QuerySet[Refund]:
    """Give the refunds that are a worker's to send: to a card, and no dispute is open about it.

    What Stripe has begun already is still asked about.
    """
    is_disputed = Dispute.objects.filter(payment=OuterRef("payment"), state=DisputeState.OPEN.value)
    return Refund.objects.filter(method=RefundMethod.CARD.value).filter(
        Q(status=RefundState.PENDING.value)
        | Q(Q(status=RefundState.REQUESTED.value) & ~Exists(is_disputed))
    )


def disputes_to_read(*, now: datetime, limit: int) -> list[UUID]:
    """List open disputes that Stripe should be asked about again."""
    return list(
        Dispute.objects.filter(state=DisputeState.OPEN.value, run_at__lte=now)
        .order_by("run_at")
        .values_list("pk", flat=True)[:limit]
    )


def payment_of_intent(*, intent_id: str, payment_id: str = "") -> Payment | None:
    """Give the payment an intent collects: by the reference, else by the intent's metadata."""
    found = Payment.objects.filter(provider_intent_id=intent_id).first() if intent_id else None
    if found is None and (ours := _uuid(payment_id)):
        found = Payment.objects.filter(pk=ours, provider_intent_id__isnull=True).first()
    return found


def refund_of_provider(*, provider_refund_id: str, refund_id: str = "") -> Refund | None:
    """Give the refund Stripe means: by the reference, else by its metadata."""
    found = Refund.objects.filter(provider_refund_id=provider_refund_id).first()
    if found is None and (ours := _uuid(refund_id)):
        found = Refund.objects.filter(pk=ours, provider_refund_id__isnull=True).first()
    return found


def refunds_of_intent(*, intent_id: str) -> Iterable[Refund]:
    """Give the refunds Stripe has of one intent."""
    return Refund.objects.filter(
        payment__provider_intent_id=intent_id, provider_refund_id__isnull=False
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def open_payments_of_booking(*, booking_id: UUID) -> Iterable[UUID]:
    """Give the ids of what a booking may still be paid by."""
    return Payment.objects.filter(booking_id=booking_id, status__in=_OPEN).values_list(
        "pk", flat=True
    )

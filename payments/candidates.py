"""Which objects may differ: Stripe's lists against our rows, many at a time, in both directions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TypeVar
from uuid import UUID

from payments.comparison import Found, judge_intent, judge_refund
from payments.ledger_sums import NOTHING, sums_of_payments
from payments.models import Payment, Refund
from payments.provider import Intent, ProviderRefund
from payments.states import (
    CAPTURED_PAYMENTS,
    MismatchKind,
    PaymentMethod,
    RefundMethod,
    RefundState,
)

T = TypeVar("T")
_CHUNK = 200


def doubtful_intents(*, listed: Sequence[Intent], since: datetime) -> list[str]:
    """Give the ids of intents to look at again: listed ones that differ, ours that are missing."""
    doubtful = [intent.id for chunk in _chunks(listed) for intent in _differing_intents(chunk)]
    seen = {intent.id for intent in listed}
    ours = Payment.objects.filter(
        method=PaymentMethod.CARD.value, provider_intent_id__isnull=False, created_at__gte=since
    ).values_list("provider_intent_id", flat=True)
    return doubtful + [str(intent_id) for intent_id in ours if intent_id not in seen]


def doubtful_refunds(*, listed: Sequence[ProviderRefund], since: datetime) -> list[str]:
    """Give the ids of refunds to look at again: listed ones that differ, ours that are missing."""
    doubtful = [refund.id for chunk in _chunks(listed) for refund in _differing_refunds(chunk)]
    seen = {refund.id for refund in listed}
    ours = Refund.objects.filter(
        method=RefundMethod.CARD.value, provider_refund_id__isnull=False, requested_at__gte=since
    ).values_list("provider_refund_id", flat=True)
    return doubtful + [str(refund_id) for refund_id in ours if refund_id not in seen]


def money_without_a_reference() -> list[Found]:
    """Find what we count as taken or given back by card and cannot even name at Stripe."""
    payments = Payment.objects.filter(
        method=PaymentMethod.CARD.value,
        status__in=[status.value for status in CAPTURED_PAYMENTS],
        provider_intent_id__isnull=True,
    )
    refunds = Refund.objects.select_related("payment").filter(
        method=RefundMethod.CARD.value,
        status=RefundState.SUCCEEDED.value,
        provider_refund_id__isnull=True,
    )
    found = [
        Found(
            MismatchKind.MISSING_THERE,
            f"payment:{payment.pk}",
            f"A payment is {payment.status} here and has no intent.",
            "look_at_payment",
            payment.booking_id,
            payment.amount_captured_cents,
        )
        for payment in payments
    ]
    found += [
        Found(
            MismatchKind.MISSING_THERE,
            f"our-refund:{refund.pk}",
            "A refund is SUCCEEDED here and Stripe has named none.",
            "look_at_refund",
            refund.payment.booking_id,
            refund.amount_cents,
        )
        for refund in refunds
    ]
    return found


def _differing_intents(chunk: list[Intent]) -> Iterator[Intent]:
    payments = {
        str(payment.provider_intent_id): payment
        for payment in Payment.objects.filter(provider_intent_id__in=[i.id for i in chunk])
    }
    named = _uuids(i.metadata.get("payment_id") for i in chunk if i.id not in payments)
    unnamed = Payment.objects.filter(pk__in=named, provider_intent_id__isnull=True).in_bulk()
    booked = sums_of_payments(payment_ids=[payment.pk for payment in payments.values()])
    for intent in chunk:
        payment = payments.get(intent.id)
        if payment is None and (ids := _uuids([intent.metadata.get("payment_id")])):
            payment = unnamed.get(ids[0])
        sums = booked.get(payment.pk, NOTHING) if payment else NOTHING
        if judge_intent(intent_id=intent.id, intent=intent, payment=payment, booked=sums):
            yield intent


def _differing_refunds(chunk: list[ProviderRefund]) -> Iterator[ProviderRefund]:
    refunds = {
        str(refund.provider_refund_id): refund
        for refund in Refund.objects.filter(provider_refund_id__in=[r.id for r in chunk])
    }
    payments = {
        str(payment.provider_intent_id): payment
        for payment in Payment.objects.filter(provider_intent_id__in=[r.intent_id for r in chunk])
    }
    for found in chunk:
        # One that only its metadata names is looked at on its own.
        if judge_refund(
            provider_refund_id=found.id,
            found=found,
            refund=refunds.get(found.id),
            payment=payments.get(found.intent_id),
        ):
            yield found


def _uuids(texts: Iterable[str | None]) -> list[UUID]:
    found = []
    for text in texts:
        try:
            found.append(UUID(text or ""))
        except ValueError:
            continue
    return found


def _chunks(items: Sequence[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk

"""Take up whatever the doorbell missed; each row on its own, so that none holds up another."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from hmnp.core.errors import DomainError
from hmnp.core.transactions import database_now
from payments import queries
from payments.actions.attend_payment import attend_payment
from payments.actions.close_claim import close_claim
from payments.actions.record_dispute import read_dispute
from payments.actions.resolve_late_payment import resolve_late_payment
from payments.actions.send_refund import send_refund
from payments.backoff import next_try
from payments.locks import alone_with
from payments.models import Dispute, Payment
from payments.provider import GatewayError
from payments.states import OPEN_PAYMENTS

logger = logging.getLogger(__name__)

BATCH = 25
# Well under a task's time limit: one row may still take as long as Stripe's time-outs.
BUDGET_SECONDS = 20
_LEASE = timedelta(seconds=60)


@dataclass
class Swept:
    """How many rows of each kind went well, and the ids of those that failed."""

    done: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)


def sweep_payments(*, now: datetime, limit: int = BATCH) -> Swept:
    """Close claims past their time, settle open payments, resolve late ones, send refunds.

    At most `limit` of each, and none is begun after `BUDGET_SECONDS`; what fails is put off and
    tried again. Two sweepers may run at once: they leave each other's rows alone, and nothing
    would go wrong if they did not.
    """
    swept = Swept()
    ends_at = time.monotonic() + BUDGET_SECONDS
    # Each list is read when its turn comes, since the ones before may have changed it.
    rounds: list[tuple[str, Callable[[], list[UUID]], Callable[[UUID], object]]] = [
        (
            "claims",
            lambda: queries.claims_to_close(now=now, clock=database_now(), limit=limit),
            lambda row: close_claim(claim_id=row, now=now),
        ),
        (
            "payments",
            lambda: queries.payments_to_attend(now=now, limit=limit),
            lambda row: attend_payment(payment_id=row, now=now),
        ),
        (
            "late",
            lambda: queries.late_payments(now=now, limit=limit),
            lambda row: resolve_late_payment(payment_id=row, now=now),
        ),
        (
            "refunds",
            lambda: queries.refunds_to_send(now=now, limit=limit),
            lambda row: send_refund(refund_id=row, now=now),
        ),
        (
            "disputes",
            lambda: queries.disputes_to_read(now=now, limit=limit),
            lambda row: read_dispute(provider_dispute_id=_at_stripe(row), now=now),
        ),
    ]
    for name, find, work in rounds:
        for row_id in find():
            if time.monotonic() > ends_at:
                return swept
            if _one(swept, row_id, work, now):
                swept.done[name] += 1
    return swept


def _at_stripe(row_id: UUID) -> str:
    return str(Dispute.objects.values_list("provider_dispute_id", flat=True).get(pk=row_id))


def _one(swept: Swept, row_id: UUID, work: Callable[[UUID], object], now: datetime) -> bool:
    with alone_with(row_id) as is_mine:
        return is_mine and _try(swept, row_id, work, now)


def _try(swept: Swept, row_id: UUID, work: Callable[[UUID], object], now: datetime) -> bool:
    try:
        # Should this row kill the process, the next sweep begins with another one.
        _payments_of(row_id).filter(run_at__lte=now).update(run_at=now + _LEASE)
        work(row_id)
    except (GatewayError, DomainError) as error:
        # Expected while Stripe or a lock cannot be had.
        logger.warning("put off", extra={"row_id": str(row_id), "gateway_error": str(error)})
    except Exception:
        # A mistake of ours on one row must not starve the others.
        logger.exception("sweeping failed", extra={"row_id": str(row_id)})
    else:
        return True
    swept.failed.append(str(row_id))
    _put_off(row_id, now)
    return False


def _payments_of(row_id: UUID) -> QuerySet[Payment]:
    """Give the payments that wait with a row: the payment itself, or the claim's open one."""
    is_open = Q(status__in=[status.value for status in OPEN_PAYMENTS])
    is_late = Q(late_since__isnull=False)
    return Payment.objects.filter(
        Q(Q(pk=row_id) & Q(is_open | is_late)) | Q(Q(claim_id=row_id) & is_open)
    )


def _put_off(row_id: UUID, now: datetime) -> None:
    """Let it wait longer each time it fails."""
    for payment in _payments_of(row_id):
        attempts = payment.attempts + 1
        Payment.objects.filter(pk=payment.pk, version=payment.version).update(
            attempts=attempts, run_at=next_try(now=now, attempts=attempts)
        )

"""Take up whatever the doorbell missed; each row on its own, so that none holds up another."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection

from hmnp.core.errors import DomainError
from hmnp.core.transactions import database_now
from payments import queries
from payments.actions.attend_payment import attend_payment
from payments.actions.close_claim import close_claim
from payments.actions.resolve_late_payment import resolve_late_payment
from payments.actions.send_refund import send_refund
from payments.backoff import next_try
from payments.models import Payment
from payments.states import OPEN_PAYMENTS
from payments.stripe_gateway import GatewayError

logger = logging.getLogger(__name__)

BATCH = 25
# First key of the two-part advisory lock under which one sweeper works on one row.
_SWEEPING = 3


@dataclass
class Swept:
    """How many rows of each kind were finished or moved on, and how many failed."""

    claims: int = 0
    payments: int = 0
    late: int = 0
    refunds: int = 0
    failed: list[str] = field(default_factory=list)


def sweep_payments(*, now: datetime, limit: int = BATCH) -> Swept:
    """Close claims past their time, settle open payments, resolve late ones, send refunds.

    At most `limit` of each; what fails is put off and tried again. Two sweepers may run at once:
    they leave each other's rows alone, and nothing would go wrong if they did not.
    """
    swept = Swept()
    for claim_id in queries.claims_to_close(now=now, clock=database_now(), limit=limit):
        swept.claims += _one(swept, claim_id, lambda row: close_claim(claim_id=row, now=now), now)
    for payment_id in queries.payments_to_attend(now=now, limit=limit):
        swept.payments += _one(
            swept, payment_id, lambda row: attend_payment(payment_id=row, now=now), now
        )
    for payment_id in queries.late_payments(now=now, limit=limit):
        swept.late += _one(
            swept, payment_id, lambda row: resolve_late_payment(payment_id=row, now=now), now
        )
    for refund_id in queries.refunds_to_send(now=now, limit=limit):
        swept.refunds += _one(
            swept, refund_id, lambda row: send_refund(refund_id=row, now=now), now
        )
    return swept


def _one(swept: Swept, row_id: UUID, work: Callable[[UUID], object], now: datetime) -> bool:
    if not _lock(row_id):
        return False
    try:
        work(row_id)
    except (GatewayError, DomainError) as error:
        # Expected while Stripe or a lock cannot be had.
        logger.warning("put off", extra={"row_id": str(row_id), "gateway_error": str(error)})
        swept.failed.append(str(row_id))
    except Exception:
        # A mistake of ours on one row must not starve the others.
        logger.exception("sweeping failed", extra={"row_id": str(row_id)})
        swept.failed.append(str(row_id))
    else:
        return True
    finally:
        _unlock(row_id)
    _put_off(row_id, now)
    return False


def _put_off(row_id: UUID, now: datetime) -> None:
    """Let the payment, or the claim's open payment, wait longer each time it fails."""
    open_ones = Payment.objects.filter(status__in=[status.value for status in OPEN_PAYMENTS])
    late_ones = Payment.objects.filter(late_since__isnull=False)
    for payment in [
        *open_ones.filter(pk=row_id),
        *open_ones.filter(claim_id=row_id),
        *late_ones.filter(pk=row_id),
    ]:
        attempts = payment.attempts + 1
        Payment.objects.filter(pk=payment.pk, version=payment.version).update(
            attempts=attempts, run_at=next_try(now=now, attempts=attempts)
        )


def _lock(row_id: UUID) -> bool:
    """Take a row for this sweeper, without waiting; the network is talked to under it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [_SWEEPING, str(row_id)])
        row = cursor.fetchone()
    return bool(row[0])


def _unlock(row_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [_SWEEPING, str(row_id)])

"""What a worker is asked to do; each argument is the id of the row that is the real job."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from payments import doorbell
from payments.actions.attend_payment import attend_payment
from payments.actions.reconcile_payments import reconcile_payments
from payments.actions.refund_unknown_charge import GRACE
from payments.actions.send_refund import send_refund
from payments.actions.settle_payment import settle_payment
from payments.actions.sweep_payments import sweep_payments
from payments.actions.take_undelivered import take_undelivered
from payments.locks import alone_with
from payments.provider import GatewayError

logger = logging.getLogger(__name__)

# Stripe keeps trying to deliver for three days, and lists events of thirty.
_UNDELIVERED = timedelta(days=3)
_RECONCILED = timedelta(days=30)
_RECONCILING = UUID("6b0c2f4e-3c43-4b76-8f6e-2d1a9d0c5a11")


@shared_task(name="payments.sweep")
def sweep() -> None:
    """Take up what the doorbell missed, every few seconds."""
    swept = sweep_payments(now=timezone.now())
    if swept.done or swept.failed:
        logger.info("payments swept", extra={"done": dict(swept.done), "failed": swept.failed})


@shared_task(name="payments.take_undelivered")
def take_undelivered_events() -> None:
    """Take what Stripe could not deliver since a little before the last time."""
    now = timezone.now()
    _quietly(lambda: take_undelivered(since=now - _UNDELIVERED, now=now))


@shared_task(name="payments.reconcile", soft_time_limit=1700, time_limit=1800)
def reconcile() -> None:
    """Compare Stripe's records with ours, nightly; one worker at a time."""
    now = timezone.now()
    grace = GRACE if settings.STRIPE_REFUND_UNKNOWN_CHARGES else None
    with alone_with(_RECONCILING) as is_mine:
        if is_mine:
            report = reconcile_payments(since=now - _RECONCILED, now=now, grace=grace)
            log = logger.error if report.lines else logger.info
            log(
                "reconciled with Stripe",
                extra={
                    "differences": len(report.lines),
                    "intents": report.intents,
                    "refunds": report.refunds,
                },
            )


@shared_task(name=doorbell.SETTLE)
def settle(payment_id: str) -> None:
    """Make one payment say what Stripe says."""
    _quietly(lambda: settle_payment(payment_id=UUID(payment_id), now=timezone.now()))


@shared_task(name=doorbell.ATTEND)
def attend(payment_id: str) -> None:
    """Do what one open payment needs next."""
    _quietly(lambda: attend_payment(payment_id=UUID(payment_id), now=timezone.now()))


@shared_task(name=doorbell.SEND_REFUND)
def send_one_refund(refund_id: str) -> None:
    """Send one promised refund."""
    send_refund(refund_id=UUID(refund_id), now=timezone.now())


def _quietly(work: Callable[[], object]) -> None:
    """Leave what Stripe did not answer to the sweeper; the row is the job, not this task."""
    try:
        work()
    except GatewayError as error:
        logger.warning("left to the sweeper", extra={"gateway_error": str(error)})

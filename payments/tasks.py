"""What a worker is asked to do; each argument is the id of the row that is the real job."""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from payments import doorbell
from payments.actions.attend_payment import attend_payment
from payments.actions.send_refund import send_refund
from payments.actions.settle_payment import settle_payment
from payments.actions.sweep_payments import sweep_payments
from payments.provider import GatewayError

logger = logging.getLogger(__name__)


@shared_task(name="payments.sweep")
def sweep() -> None:
    """Take up what the doorbell missed, every few seconds."""
    swept = sweep_payments(now=timezone.now())
    if swept.done or swept.failed:
        logger.info("payments swept", extra={"done": dict(swept.done), "failed": swept.failed})


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

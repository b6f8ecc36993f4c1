"""Housekeeping of the infrastructure table."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from hmnp.core.models import IdempotencyRecord

# The contract promises 48 hours; a day more costs nothing.
KEEP = timedelta(hours=72)


@shared_task(name="core.forget_idempotency_records")
def forget_idempotency_records() -> int:
    """Delete records older than `KEEP`; give how many."""
    deleted, _ = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - KEEP).delete()
    return deleted

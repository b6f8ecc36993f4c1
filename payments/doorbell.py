"""The doorbell: tell a worker which row is due once it is committed. The sweeper hears the rest."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from celery import current_app
from django.db import transaction

SETTLE = "payments.settle"
SEND_REFUND = "payments.send_refund"
ATTEND = "payments.attend"


def ring(task_name: str, row_id: UUID) -> None:
    """Ask for `task_name` on one row after the commit; a dead broker loses nothing but time."""
    transaction.on_commit(
        partial(current_app.send_task, task_name, args=[str(row_id)]), robust=True
    )

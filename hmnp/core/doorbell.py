"""The doorbell: tell a worker which row is due. The row is the job; a lost ring loses only time."""

from __future__ import annotations

from uuid import UUID

from celery import current_app
from django.db import transaction


def ring(task_name: str, row_id: UUID | None) -> None:
    """Ask for `task_name` now, on one row if it is named. Raises what the broker raises."""
    current_app.send_task(task_name, args=[] if row_id is None else [str(row_id)])


def ring_after_commit(task_name: str, row_id: UUID | None = None) -> None:
    """Ask for `task_name` on one row once it is committed; a dead broker fails no request."""
    # A function, not a partial: Django logs a robust hook's failure by its `__qualname__`.
    transaction.on_commit(lambda: ring(task_name, row_id), robust=True)

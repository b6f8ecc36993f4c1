"""The doorbell: tell a worker which row is due. The row is the job; a lost ring loses only time."""

from __future__ import annotations

from uuid import UUID

from celery import current_app
from django.db import transaction


def ring(task_name: str, *row_ids: UUID) -> None:
    """Ask for `task_name` now, on the rows if any are named. Raises what the broker raises.

    One message, however many rows: a task that takes several passes all but the first on.
    """
    current_app.send_task(task_name, args=[str(row_id) for row_id in row_ids])


def ring_after_commit(task_name: str, *row_ids: UUID) -> None:
    """Ask for `task_name` on rows once they are committed; a dead broker fails no request."""
    # A function, not a partial: Django logs a robust hook's failure by its `__qualname__`.
    transaction.on_commit(lambda: ring(task_name, *row_ids), robust=True)

"""The doorbell: tell a worker which row is due once it is committed. The sweeper hears the rest."""

from __future__ import annotations

from uuid import UUID

from hmnp.core.doorbell import ring_after_commit

SETTLE = "payments.settle"
SEND_REFUND = "payments.send_refund"
ATTEND = "payments.attend"


def ring(task_name: str, row_id: UUID) -> None:
    """Ask for `task_name` on one row after the commit; a dead broker loses nothing but time."""
    ring_after_commit(task_name, row_id)

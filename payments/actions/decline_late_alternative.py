"""The customer wants none of the times that were kept for late money."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from hmnp.core import transactions
from hmnp.core.crashpoints import crashpoint
from payments.late_money import give_back
from payments.states import LateChoiceState


def decline_late_alternative(*, choice_id: UUID, now: datetime) -> bool:
    """Free the kept times and promise all of the money back, in one transaction.

    False when the choice was over already. Raises `NotFound`.
    """
    is_given_back = transactions.run(
        lambda: give_back(
            choice_id=choice_id,
            state=LateChoiceState.DECLINED,
            how="The customer wanted the money back; refunded in full.",
            now=now,
        )
    )
    crashpoint("late.declined")
    return is_given_back

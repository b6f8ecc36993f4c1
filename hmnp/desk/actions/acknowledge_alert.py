"""Somebody has seen it."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from hmnp.core import transactions
from hmnp.desk.alert_models import Alert


def acknowledge_alert(*, alert_id: int, user: AbstractBaseUser, now: datetime) -> bool:
    """Note who saw an alert first, and when; False when somebody had, or it is over."""

    def work() -> bool:
        seen = Alert.objects.filter(
            pk=alert_id, acknowledged_at__isnull=True, closed_at__isnull=True
        ).update(acknowledged_by=user, acknowledged_at=now)
        return bool(seen)

    return transactions.run(work)

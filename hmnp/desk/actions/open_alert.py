"""Something is wrong, and somebody is told."""

from __future__ import annotations

from datetime import datetime

from hmnp.core import transactions
from hmnp.desk.alert_models import Alert, AlertRule, Occasion
from hmnp.desk.alert_notices import write_notices


def open_alert(
    *, rule: AlertRule, cause: str, summary: str, value: float, now: datetime
) -> Alert | None:
    """Open the alert of a cause and write its notices; None when it is open already."""

    def work() -> Alert | None:
        alert = Alert(
            rule=rule,
            cause=cause,
            severity=rule.severity,
            summary=summary[:300],
            threshold=rule.threshold,
            opened_value=value,
            worst_value=value,
            last_value=value,
            opened_at=now,
        )
        Alert.objects.bulk_create([alert], ignore_conflicts=True)
        mine = Alert.objects.filter(cause=cause, closed_at__isnull=True, opened_at=now).first()
        if mine is not None:
            write_notices(alert=mine, occasion=Occasion.OPENED, now=now)
        return mine

    return transactions.run(work)

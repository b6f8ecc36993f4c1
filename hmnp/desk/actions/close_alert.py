"""It is over, and who was told is told so."""

from __future__ import annotations

from datetime import datetime

from hmnp.core import transactions
from hmnp.desk.alert_models import Alert, Occasion
from hmnp.desk.alert_notices import write_notices


def close_alert(*, alert: Alert, value: float, how: str, now: datetime) -> bool:
    """Close an open alert and write its notices; False when it was closed already."""

    def work() -> bool:
        closed = Alert.objects.filter(pk=alert.pk, closed_at__isnull=True).update(
            closed_at=now, last_value=value, closed_how=how[:200]
        )
        if closed:
            write_notices(alert=alert, occasion=Occasion.CLOSED, now=now)
        return bool(closed)

    return transactions.run(work)

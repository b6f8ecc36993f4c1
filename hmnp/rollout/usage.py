"""Who still calls V1's old addresses, counted by the day; one small statement a call."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import DatabaseError, connection
from django.db.models import Max, Sum

from hmnp.rollout.models import ShimCall
from hmnp.rollout.switches import is_all_v2

logger = logging.getLogger(__name__)

QUIET_DAYS = 14


def count_call(*, endpoint: str, caller: str, status: int, now: datetime) -> None:
    """Count one call; a count that cannot be kept spoils no answer."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO rollout_shimcall AS known
                    (day, endpoint, caller, status, calls, last_at)
                VALUES (%s, %s, %s, %s, 1, %s)
                ON CONFLICT (day, endpoint, caller, status) DO UPDATE
                    SET calls = known.calls + 1, last_at = EXCLUDED.last_at
                """,
                [now.date(), endpoint[:60], caller[:80], status, now],
            )
    except DatabaseError:
        logger.exception("a call of an old address was not counted")


@dataclass(frozen=True)
class Readiness:
    """Whether V1 can end: everything is V2's, and nobody has called an old address for long."""

    is_all_v2: bool
    last_call_at: datetime | None
    calls: int

    def quiet_days(self, *, today: date) -> int | None:
        """Give the whole days since the last call, None when there never was one."""
        return (today - self.last_call_at.date()).days if self.last_call_at else None

    def is_ready(self, *, today: date) -> bool:
        """Tell whether V1's routes may go."""
        days = self.quiet_days(today=today)
        return self.is_all_v2 and (days is None or days >= QUIET_DAYS)


def readiness(*, now: datetime) -> Readiness:
    """Look at the switches and at the last two weeks' calls."""
    since = now.date() - timedelta(days=QUIET_DAYS)
    last = ShimCall.objects.aggregate(last=Max("last_at"))["last"]
    calls = ShimCall.objects.filter(day__gt=since).aggregate(n=Sum("calls", default=0))["n"]
    return Readiness(is_all_v2=is_all_v2(), last_call_at=last, calls=calls)

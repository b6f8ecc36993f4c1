"""The first page's figures: what waits for somebody, counted from the rows as they are now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from bookings.states import LIVE_CLAIM_STATES
from hmnp.core.times import midnight

_LIVE = [state.value for state in LIVE_CLAIM_STATES]

_FIGURES = """
SELECT
  (SELECT count(*) FROM bookings_booking b
   WHERE b.status IN ('CONFIRMED', 'IN_PROGRESS') AND b.ends_at > %(now)s
     AND NOT EXISTS (SELECT 1 FROM bookings_slotclaim c
                     WHERE c.booking_id = b.id AND c.state = ANY(%(live)s))),
  (SELECT count(*) FROM bookings_booking b WHERE b.status = 'PENDING_PAYMENT'),
  (SELECT count(*) FROM bookings_booking b
   WHERE b.status = 'CONFIRMED' AND b.starts_at >= %(from)s AND b.starts_at < %(to)s
     AND b.partner_id IS NULL
     AND b.price_cents - b.amount_paid_cents + b.amount_refunded_cents > 0),
  cases.number, cases.oldest, alerts.number, alerts.worst
FROM (SELECT count(*) AS number, min(opened_at) AS oldest
      FROM desk_case WHERE closed_at IS NULL) AS cases,
     (SELECT count(*) AS number, min(severity) AS worst
      FROM desk_alert WHERE closed_at IS NULL) AS alerts
"""


@dataclass(frozen=True)
class Figures:
    """What waits; `oldest_case_at` is None when no case does. CRITICAL is the worst alert."""

    unassigned: int
    pending: int
    to_collect: int
    cases: int
    oldest_case_at: datetime | None
    alerts: int
    worst_alert: str | None


def read_figures(*, first_day: date, days: int, zone: ZoneInfo, now: datetime) -> Figures:
    """Count what waits, in one statement; money to collect for `days` local days."""
    params: dict[str, Any] = {
        "now": now,
        "from": midnight(first_day, zone=zone),
        "to": midnight(first_day + timedelta(days=days), zone=zone),
        "live": _LIVE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, params)
        return Figures(*cursor.fetchone())

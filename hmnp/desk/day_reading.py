"""The notaries' days as they are kept: what is claimed, driven, taken outside, and free.

Two statements, however many notaries and days.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from bookings.states import LIVE_CLAIM_STATES
from hmnp.core.times import at_minute, local_date, midnight

_LIVE = [state.value for state in LIVE_CLAIM_STATES]

_NOTARIES = """
SELECT n.id, n.name, n.home_zip, n.is_active,
       coalesce((SELECT json_agg(json_build_array(h.weekday, h.opens_minute, h.closes_minute)
                                 ORDER BY h.opens_minute)
                 FROM bookings_notaryhours h WHERE h.notary_id = n.id), '[]'),
       coalesce((SELECT json_agg(json_build_array(d.first_day, d.last_day, d.reason))
                 FROM bookings_notarydayoff d
                 WHERE d.notary_id = n.id AND d.last_day >= %(first)s AND d.first_day < %(until)s),
                '[]')
FROM bookings_notary n
WHERE %(notaries)s::bigint[] IS NULL OR n.id = ANY(%(notaries)s)
ORDER BY n.name, n.id
"""

_CALENDAR = """
SELECT c.notary_id, c.state, c.starts_at, c.ends_at, lower(c.period), upper(c.period), c.place_zip,
       b.id, b.reference, b.status, b.customer_name, b.street, b.city, b.zip_code,
       b.price_cents - b.amount_paid_cents + b.amount_refunded_cents, b.partner_id IS NOT NULL,
       s.name, s.type
FROM bookings_slotclaim c
JOIN services_service s ON s.id = c.service_id
LEFT JOIN bookings_booking b ON b.id = c.booking_id
WHERE c.state = ANY(%(live)s) AND c.starts_at >= %(from)s AND c.starts_at < %(to)s
  AND NOT (c.state = 'HELD' AND c.expires_at <= clock_timestamp())
  AND (%(notaries)s::bigint[] IS NULL OR c.notary_id = ANY(%(notaries)s))
UNION ALL
SELECT k.notary_id, 'BUSY', lower(k.period), upper(k.period), NULL, NULL, NULL,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, k.source, NULL
FROM bookings_busyblock k
WHERE k.period && tstzrange(%(from)s, %(to)s)
  AND (%(notaries)s::bigint[] IS NULL OR k.notary_id = ANY(%(notaries)s))
ORDER BY 3, 2
"""


@dataclass(frozen=True)
class Visit:
    """One claim: the drive there from `drives_at`, the service, the wrap-up until `free_at`."""

    state: str
    starts_at: datetime
    ends_at: datetime
    drives_at: datetime
    free_at: datetime
    place_zip: str
    booking_id: UUID | None
    reference: str
    status: str
    customer: str
    place: str
    balance_cents: int
    is_partners: bool
    service: str
    is_mobile: bool

    @property
    def drive_minutes(self) -> int:
        """How long the way there takes."""
        return int((self.starts_at - self.drives_at).total_seconds() // 60)

    @property
    def is_to_collect(self) -> bool:
        """The notary takes money at the door; a partner is billed later."""
        stands = self.status in ("CONFIRMED", "IN_PROGRESS")
        return stands and self.balance_cents > 0 and not self.is_partners


@dataclass(frozen=True)
class Busy:
    """Time that the notary's own calendar says is taken."""

    starts_at: datetime
    ends_at: datetime
    source: str


@dataclass
class NotaryDay:
    """One notary's one local day, from midnight to midnight in the business zone."""

    notary_id: int
    name: str
    home_zip: str
    is_active: bool
    day: date
    starts_at: datetime
    ends_at: datetime
    windows: list[tuple[datetime, datetime]]
    day_off: str | None
    visits: list[Visit] = field(default_factory=list)
    busy: list[Busy] = field(default_factory=list)


def read_days(
    *, first_day: date, days: int, zone: ZoneInfo, notary_ids: Sequence[int] | None = None
) -> list[NotaryDay]:
    """Give every notary's days in order of day, then name; who left only while there is work."""
    until = first_day + timedelta(days=days)
    params: dict[str, Any] = {
        "first": first_day,
        "until": until,
        "from": midnight(first_day, zone=zone),
        "to": midnight(until, zone=zone),
        "live": _LIVE,
        "notaries": list(notary_ids) if notary_ids is not None else None,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NOTARIES, params)
        notaries = cursor.fetchall()
        cursor.execute(_CALENDAR, params)
        rows = cursor.fetchall()
    found = {
        (notary[0], first_day + timedelta(days=ahead)): _empty_day(
            notary, first_day + timedelta(days=ahead), zone
        )
        for ahead in range(days)
        for notary in notaries
    }
    for row in rows:
        if row[1] == "BUSY":
            _put_busy(found, row, zone)
        else:
            day = found.get((row[0], local_date(row[2], zone=zone)))
            if day is not None:
                day.visits.append(_visit(row))
    return [day for day in found.values() if day.is_active or day.visits]


def _empty_day(notary: tuple[Any, ...], day: date, zone: ZoneInfo) -> NotaryDay:
    notary_id, name, home_zip, is_active, hours, days_off = notary
    off = next(
        (
            reason or "Day off"
            for first, last, reason in _json(days_off)
            if date.fromisoformat(first) <= day <= date.fromisoformat(last)
        ),
        None,
    )
    return NotaryDay(
        notary_id=notary_id,
        name=name,
        home_zip=home_zip,
        is_active=is_active,
        day=day,
        starts_at=midnight(day, zone=zone),
        ends_at=midnight(day + timedelta(days=1), zone=zone),
        windows=[
            (at_minute(day, opens, zone=zone), at_minute(day, closes, zone=zone))
            for weekday, opens, closes in _json(hours)
            if weekday == day.isoweekday() and off is None
        ],
        day_off=off,
    )


def _visit(row: tuple[Any, ...]) -> Visit:
    street, city, zip_code = row[11] or "", row[12] or "", row[13] or ""
    is_mobile = row[17] == "MOBILE"
    place = ", ".join(part for part in (street, f"{city} {zip_code}".strip()) if part)
    return Visit(
        state=row[1],
        starts_at=row[2],
        ends_at=row[3],
        drives_at=row[4],
        free_at=row[5],
        place_zip=row[6],
        booking_id=row[7],
        reference=row[8] or "",
        status=row[9] or "",
        customer=row[10] or "",
        place=place if is_mobile else "Online",
        balance_cents=max(row[14] or 0, 0),
        is_partners=bool(row[15]),
        service=row[16],
        is_mobile=is_mobile,
    )


def _put_busy(
    found: dict[tuple[int, date], NotaryDay], row: tuple[Any, ...], zone: ZoneInfo
) -> None:
    """Cut a busy time to the days it touches."""
    day = local_date(row[2], zone=zone)
    last = local_date(row[3] - timedelta(microseconds=1), zone=zone)
    days = [one for one in found.values() if one.notary_id == row[0] and day <= one.day <= last]
    for one in days:
        one.busy.append(
            Busy(max(row[2], one.starts_at), min(row[3], one.ends_at), source=row[16] or "")
        )


def _json(value: Any) -> Any:
    # Django's PostgreSQL connection leaves json as text, for its own JSONField to decode.
    return json.loads(value) if isinstance(value, str) else value

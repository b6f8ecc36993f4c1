"""Notaries' days from the database: two statements, however many notaries and days."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from bookings.chain import Days, Job, NotarySchedule, Span
from bookings.states import LIVE_CLAIM_STATES
from hmnp.core.times import local_date, midnight
from services.definitions import Hours, ServiceDefinition

_LIVE = [state.value for state in LIVE_CLAIM_STATES]

_NOTARIES = """
SELECT n.id, n.name, n.home_zip, n.daily_capacity,
       coalesce((SELECT json_agg(json_build_array(h.weekday, h.opens_minute, h.closes_minute))
                 FROM bookings_notaryhours h WHERE h.notary_id = n.id), '[]'),
       coalesce((SELECT json_agg(json_build_array(d.first_day, d.last_day))
                 FROM bookings_notarydayoff d
                 WHERE d.notary_id = n.id AND d.last_day >= %(first)s AND d.first_day <= %(last)s),
                '[]')
FROM bookings_notary n
WHERE n.is_active
  AND EXISTS (SELECT 1 FROM bookings_notary_skills s
              WHERE s.notary_id = n.id AND s.service_id = %(service)s)
  AND (%(notaries)s::bigint[] IS NULL OR n.id = ANY(%(notaries)s))
ORDER BY n.id
"""

# A dead hold still lies in the table until somebody needs its time; it hides nothing here.
_BUSY = """
SELECT 'job', c.notary_id, c.id, c.starts_at, c.ends_at, lower(c.period), c.wrap_up_minutes,
       c.place_zip, NULL::date, NULL::date
FROM bookings_slotclaim c
WHERE c.state = ANY(%(live)s) AND c.starts_at >= %(from)s AND c.starts_at < %(to)s
  AND NOT (c.state = 'HELD' AND c.expires_at <= clock_timestamp())
  AND (%(notaries)s::bigint[] IS NULL OR c.notary_id = ANY(%(notaries)s))
  AND (%(without)s::uuid IS NULL OR c.id <> %(without)s)
UNION ALL
SELECT 'block', b.notary_id, NULL, lower(b.period), upper(b.period), NULL, NULL, NULL, NULL, NULL
FROM bookings_busyblock b
WHERE b.period && tstzrange(%(from)s, %(to)s)
  AND (%(notaries)s::bigint[] IS NULL OR b.notary_id = ANY(%(notaries)s))
UNION ALL
SELECT 'blackout', NULL, NULL, NULL, NULL, NULL, NULL, NULL, o.first_day, o.last_day
FROM bookings_blackout o
WHERE o.last_day >= %(first)s AND o.first_day <= %(last)s
  AND (o.service_id IS NULL OR o.service_id = %(service)s)
"""


@dataclass(frozen=True)
class Schedules:
    """Everything that says when a service can be done on some local days."""

    notaries: tuple[NotarySchedule, ...]
    blackouts: tuple[Days, ...]

    def of(self, notary_id: int) -> NotarySchedule | None:
        """Give one notary's schedule, or None if the notary cannot do the service."""
        return next((one for one in self.notaries if one.notary_id == notary_id), None)


def load(
    *,
    service: ServiceDefinition,
    first_day: date,
    days: int = 1,
    notary_ids: Sequence[int] | None = None,
    without_claim: UUID | None = None,
) -> Schedules:
    """Load the notaries with the skill and what fills their days, the neighbouring days included.

    `without_claim` leaves one claim out, as if it had been released.
    """
    last_day = first_day + timedelta(days=days)
    params: dict[str, Any] = {
        "service": service.id,
        "first": first_day - timedelta(days=1),
        "last": last_day,
        "from": midnight(first_day - timedelta(days=1), zone=service.timezone),
        "to": midnight(last_day + timedelta(days=1), zone=service.timezone),
        "live": _LIVE,
        "notaries": list(notary_ids) if notary_ids is not None else None,
        "without": without_claim,
    }
    jobs: dict[int, list[Job]] = {}
    blocks: dict[int, list[Span]] = {}
    blackouts: list[Days] = []
    with connection.cursor() as cursor:
        cursor.execute(_NOTARIES, params)
        notaries = cursor.fetchall()
        cursor.execute(_BUSY, params)
        for kind, notary_id, claim_id, starts, ends, period, wrap_up, place, first, last in cursor:
            if kind == "job":
                jobs.setdefault(notary_id, []).append(
                    Job(
                        starts_at=starts,
                        ends_at=ends,
                        wrap_up=timedelta(minutes=wrap_up),
                        place_zip=place,
                        claim_id=claim_id,
                        period_starts_at=period,
                    )
                )
            elif kind == "block":
                blocks.setdefault(notary_id, []).append(Span(starts_at=starts, ends_at=ends))
            else:
                blackouts.append(Days(first_day=first, last_day=last))
    return Schedules(
        notaries=tuple(
            NotarySchedule(
                notary_id=notary_id,
                name=name,
                home_zip=home_zip,
                daily_capacity=capacity,
                hours=tuple(Hours(*window) for window in _json(hours)),
                days_off=tuple(
                    Days(first_day=date.fromisoformat(a), last_day=date.fromisoformat(b))
                    for a, b in _json(days_off)
                ),
                jobs=tuple(sorted(jobs.get(notary_id, ()), key=lambda job: job.starts_at)),
                blocks=tuple(blocks.get(notary_id, ())),
            )
            for notary_id, name, home_zip, capacity, hours, days_off in notaries
        ),
        blackouts=tuple(blackouts),
    )


def _json(value: Any) -> Any:
    # Django's PostgreSQL connection leaves json as text, for its own JSONField to decode.
    return json.loads(value) if isinstance(value, str) else value


def live_jobs(
    *, notary_id: int, starts_from: datetime, starts_before: datetime
) -> tuple[str, list[Job]]:
    """Give a notary's home ZIP and all live claims starting in the window, sorted by start."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT n.home_zip, c.id, c.starts_at, c.ends_at, lower(c.period), c.wrap_up_minutes,
                   c.place_zip
            FROM bookings_notary n
            LEFT JOIN bookings_slotclaim c
              ON c.notary_id = n.id AND c.state = ANY(%s) AND c.starts_at >= %s
             AND c.starts_at < %s
            WHERE n.id = %s
            ORDER BY c.starts_at
            """,
            [_LIVE, starts_from, starts_before, notary_id],
        )
        rows = cursor.fetchall()
    return rows[0][0], [
        Job(
            starts_at=starts,
            ends_at=ends,
            wrap_up=timedelta(minutes=wrap_up),
            place_zip=place,
            claim_id=claim_id,
            period_starts_at=period,
        )
        for _, claim_id, starts, ends, period, wrap_up, place in rows
        if claim_id is not None
    ]


_ALWAYS = tuple(Hours(weekday, 0, 1440) for weekday in range(1, 8))
_NO_CAP = 10_000


def always_open(*, notary_id: int, around: datetime, zone: ZoneInfo) -> NotarySchedule:
    """Give a notary's jobs around a time, with nothing else in the way of one more."""
    day = local_date(around, zone=zone)
    home_zip, jobs = live_jobs(
        notary_id=notary_id,
        starts_from=midnight(day - timedelta(days=1), zone=zone),
        starts_before=midnight(day + timedelta(days=2), zone=zone),
    )
    return NotarySchedule(
        notary_id=notary_id,
        name="",
        home_zip=home_zip,
        daily_capacity=_NO_CAP,
        hours=_ALWAYS,
        days_off=(),
        jobs=tuple(jobs),
        blocks=(),
    )


def at_any_hour(schedule: NotarySchedule) -> NotarySchedule:
    """Give a notary's days with their working hours set aside; days off stay."""
    return replace(schedule, hours=_ALWAYS)

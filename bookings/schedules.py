"""Notaries' days from the database: one statement, however many notaries and days."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from bookings import schedule_sql
from bookings.chain import Days, Job, NotarySchedule, Span
from hmnp.core import planned, versions
from hmnp.core.times import local_date, midnight
from services import catalogue
from services.definitions import Hours, ServiceDefinition

_DAY = timedelta(days=1)
# A start is judged with the jobs of its own local day and its neighbours', in any zone: at most two
# days either way, one of which may have an hour more.
_AROUND = timedelta(days=2, hours=1)


@dataclass(frozen=True)
class Schedules:
    """Everything that says when a service can be done on some local days, and as of when.

    `clock` is the database's; `next_expiry` by the same clock is when the first of the holds in it
    ends. Read under a notary's lock, `holds` are the holder's that live, and `has_ended` tells
    that dead holds were ended, so that the drives after them must be counted anew.
    """

    notaries: tuple[NotarySchedule, ...]
    blackouts: tuple[Days, ...]
    clock: datetime
    next_expiry: datetime | None
    catalogue_version: int
    holds: int = 0
    has_ended: bool = False

    def of(self, notary_id: int) -> NotarySchedule | None:
        """Give one notary's schedule, or None if the notary cannot do the service."""
        return next((one for one in self.notaries if one.notary_id == notary_id), None)


def load(
    *,
    service: ServiceDefinition,
    first_day: date,
    days: int = 1,
    without_claim: UUID | None = None,
) -> Schedules:
    """Load the notaries with the skill and what fills their days, the neighbouring days included.

    `without_claim` leaves one claim out, as if it had been released.
    """
    starts_from, starts_before = window(service=service, first_day=first_day, days=days)
    return _read(
        schedule_sql.WITH
        + schedule_sql.SELECT.format(ended="0", holds="0", **_those(None, without_claim)),
        _params(str(service.id), first_day - _DAY, first_day + days * _DAY)
        | {"from": starts_from, "to": starts_before, "without": without_claim},
    )


def window(*, service: ServiceDefinition, first_day: date, days: int) -> tuple[datetime, datetime]:
    """Give the half-open stretch in which a claim or busy time can matter to some local days."""
    return (
        midnight(first_day - _DAY, zone=service.timezone),
        midnight(first_day + (days + 1) * _DAY, zone=service.timezone),
    )


def load_around(
    *, id_or_slug: str, starts_at: datetime
) -> tuple[ServiceDefinition | None, Schedules]:
    """Load what decides about one start, and the service itself, all seen by one statement.

    One more when this process has not read the catalogue at its present version yet.
    """
    schedules = _read(
        schedule_sql.WITH + schedule_sql.SELECT.format(ended="0", holds="0", **_those(None, None)),
        _params(
            catalogue.normal_name(id_or_slug),
            starts_at.date() - 3 * _DAY,
            starts_at.date() + 3 * _DAY,
        )
        | {"from": starts_at - _AROUND, "to": starts_at + _AROUND},
    )
    return catalogue.at_version(schedules.catalogue_version).find(id_or_slug), schedules


def load_locked(
    *, service: ServiceDefinition, notary_id: int, starts_at: datetime, holder_key: str = ""
) -> Schedules:
    """Load one notary's days around a start, under the notary's lock.

    Ends the notary's dead holds there; counts the live holds of `holder_key`, if one is named.
    """
    day = local_date(starts_at, zone=service.timezone)
    starts_from, starts_before = window(service=service, first_day=day, days=1)
    return _read(
        schedule_sql.WITH
        + schedule_sql.ENDED
        + schedule_sql.SELECT.format(
            ended="(SELECT count(*) FROM ended)",
            holds=schedule_sql.HOLDS if holder_key else "0",
            **_those(notary_id, None),
        ),
        _params(str(service.id), day - _DAY, day + _DAY)
        | {"from": starts_from, "to": starts_before, "notary": notary_id, "holder": holder_key},
    )


def _those(notary_id: int | None, without_claim: UUID | None) -> dict[str, str]:
    """Give the conditions that pick notaries, claims and busy times."""
    if notary_id is not None:
        return {
            "notary": "n.id = %(notary)s",
            "claim": "c.notary_id = %(notary)s",
            "block": "b.notary_id = %(notary)s",
        }
    claim = "true" if without_claim is None else "c.id <> %(without)s"
    return {"notary": "true", "claim": claim, "block": "true"}


def _params(service: str, first: date, last: date) -> dict[str, Any]:
    return {"service": service, "first": first, "last": last, "catalogue": versions.CATALOGUE}


def _read(sql: str, params: dict[str, Any]) -> Schedules:
    jobs: dict[int, list[Job]] = {}
    blocks: dict[int, list[Span]] = {}
    blackouts: list[Days] = []
    notaries: list[tuple[Any, ...]] = []
    expiries: list[datetime] = []
    for (
        kind,
        notary_id,
        claim_id,
        starts,
        ends,
        period,
        expires,
        number,
        place,
        *rest,
    ) in planned.ask(sql=sql, values=params):
        if kind == "job":
            jobs.setdefault(notary_id, []).append(
                Job(
                    starts_at=starts,
                    ends_at=ends,
                    wrap_up=timedelta(minutes=number),
                    place_zip=place,
                    claim_id=claim_id,
                    period_starts_at=period,
                )
            )
            if expires is not None:
                expiries.append(expires)
        elif kind == "block":
            blocks.setdefault(notary_id, []).append(Span(starts_at=starts, ends_at=ends))
        elif kind == "blackout":
            blackouts.append(Days(first_day=rest[0], last_day=rest[1]))
        elif kind == "notary":
            notaries.append((notary_id, place, number, *_json(rest[2])))
        else:
            clock, has_ended, (catalogue_version, holds) = starts, bool(number), _json(rest[2])
    return Schedules(
        notaries=tuple(
            NotarySchedule(
                notary_id=notary_id,
                name=name,
                home_zip=home_zip,
                daily_capacity=capacity,
                hours=tuple(Hours(*hours) for hours in windows or ()),
                days_off=tuple(
                    Days(first_day=date.fromisoformat(a), last_day=date.fromisoformat(b))
                    for a, b in days_off or ()
                ),
                jobs=tuple(sorted(jobs.get(notary_id, ()), key=lambda job: job.starts_at)),
                blocks=tuple(blocks.get(notary_id, ())),
            )
            for notary_id, home_zip, capacity, name, windows, days_off in sorted(notaries)
        ),
        blackouts=tuple(blackouts),
        clock=clock,
        next_expiry=min(expiries, default=None),
        catalogue_version=catalogue_version,
        holds=holds,
        has_ended=has_ended,
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
              ON c.notary_id = n.id AND c.state IN ('HELD', 'PAYING', 'CLOSING', 'BOOKED')
             AND c.starts_at >= %s AND c.starts_at < %s
            WHERE n.id = %s
            ORDER BY c.starts_at
            """,
            [starts_from, starts_before, notary_id],
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

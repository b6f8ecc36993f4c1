"""Random notaries for Hypothesis, as the naive oracle sees them and as the product does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import transaction
from hypothesis import strategies as st

from bookings.chain import Days, Job, NotarySchedule, Span
from bookings.tests import oracle
from bookings.tests.oracle import ZIPS, PlainJob, PlainNotary, PlainService
from services.definitions import Hours, ServiceDefinition

# How many times as many calendars are drawn by night, by `make faults`.
AT_LENGTH = 28 if "FAULT_FLOWS" in os.environ else 1

# An ordinary day, the 23-hour day, the 25-hour day; each with its neighbours.
DAYS = (date(2027, 3, 10), date(2027, 3, 14), date(2027, 11, 7))
# On the hour or half, but not 02:30, which one of these days skips.
BOUNDARIES = [minute for minute in range(0, 1441, 30) if minute != 150]


@contextmanager
def undone() -> Iterator[None]:
    """Undo what one example wrote; actions may open their transactions inside."""
    atomic = transaction.atomic()
    # As pytest-django marks its own, so that a durable transaction may open inside.
    atomic._from_testcase = True  # type: ignore[attr-defined]  # Django's own mark
    with atomic:
        yield
        transaction.set_rollback(True)


def plain(service: ServiceDefinition) -> PlainService:
    """Give a service as the oracle takes it."""
    return PlainService(
        minutes=service.duration_minutes,
        wrap_up=service.wrap_up_minutes,
        notice=service.notice_minutes,
        horizon=service.horizon_days,
        hours=[(one.weekday, one.opens_minute, one.closes_minute) for one in service.hours],
        grid=service.grid_minutes,
    )


@st.composite
def hours(draw: st.DrawFn) -> list[tuple[int, int, int]]:
    """Draw weekly hours: all day and night, one window a day, or two."""
    kind = draw(st.sampled_from(["always", "one", "one", "two"]))
    if kind == "always":
        return [(weekday, 0, 1440) for weekday in range(1, 8)]
    count = 2 if kind == "one" else 4
    edges = sorted(
        draw(st.lists(st.sampled_from(BOUNDARIES), min_size=count, max_size=count, unique=True))
    )
    windows = list(zip(edges[::2], edges[1::2], strict=True))
    return [(weekday, opens, closes) for weekday in range(1, 8) for opens, closes in windows]


def instants(day: date) -> st.SearchStrategy[datetime]:
    """Draw a quarter of an hour of the three days around `day`."""
    first = oracle.minutes_of_day(day - timedelta(days=1))[0]
    last = oracle.minutes_of_day(day + timedelta(days=1))[-1]
    return st.integers(0, (last - first) // 15).map(
        lambda quarter: oracle.to_instant(first + 15 * quarter)
    )


@st.composite
def notaries(draw: st.DrawFn, day: date) -> PlainNotary:
    """Draw a notary with whatever may be in the way around `day`."""
    notary = PlainNotary(
        home=draw(st.sampled_from(ZIPS)),
        hours=draw(hours()),
        capacity=draw(st.sampled_from([1, 2, 3, 8])),
    )
    for _ in range(draw(st.integers(0, 5))):
        job = PlainJob(
            start=draw(instants(day)),
            minutes=draw(st.sampled_from([30, 60, 90])),
            wrap_up=draw(st.sampled_from([5, 15])),
            place=draw(st.sampled_from(ZIPS)),
        )
        if oracle.can_be_driven(notary.home, [*notary.jobs, job]):
            notary.jobs.append(job)
    for _ in range(draw(st.integers(0, 2))):
        start = draw(instants(day))
        notary.blocks.append((start, start + timedelta(minutes=draw(st.integers(1, 240)))))
    if draw(st.integers(0, 9)) == 0:
        off = day + timedelta(days=draw(st.integers(-1, 1)))
        notary.days_off.append((off, off))
    return notary


def schedule_of(number: int, notary: PlainNotary) -> NotarySchedule:
    """Give the oracle's notary as the product's rule takes it."""
    return NotarySchedule(
        notary_id=number,
        name=f"Notary {number}",
        home_zip=notary.home,
        daily_capacity=notary.capacity,
        hours=tuple(Hours(*window) for window in notary.hours),
        days_off=tuple(Days(first_day=a, last_day=b) for a, b in notary.days_off),
        jobs=tuple(
            Job(
                starts_at=job.start,
                ends_at=job.start + timedelta(minutes=job.minutes),
                wrap_up=timedelta(minutes=job.wrap_up),
                place_zip=job.place,
                claim_id=uuid4(),
                period_starts_at=job.start
                - timedelta(minutes=oracle.inbound(job, previous, notary.home)),
            )
            for previous, job in oracle.in_order(notary.jobs)
        ),
        blocks=tuple(Span(starts_at=a, ends_at=b) for a, b in notary.blocks),
    )


def claim_rows(notary: PlainNotary, service_id: Any, notary_id: int) -> list[dict[str, Any]]:
    """Give the fields of the claims that hold the oracle's jobs in the database."""
    return [
        {
            "notary_id": notary_id,
            "service_id": service_id,
            "state": "BOOKED",
            "starts_at": job.start,
            "ends_at": job.start + timedelta(minutes=job.minutes),
            "wrap_up_minutes": job.wrap_up,
            "place_zip": job.place,
            "period": (
                job.start - timedelta(minutes=oracle.inbound(job, previous, notary.home)),
                job.start + timedelta(minutes=job.minutes + job.wrap_up),
            ),
            "held_at": job.start - timedelta(days=1),
            "holder_key": "test",
            "token_key_id": "test",
            "token_hash": "test",
        }
        for previous, job in oracle.in_order(notary.jobs)
    ]

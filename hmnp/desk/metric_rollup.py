"""Hours are summed from minutes and days from hours; each may be summed again at any time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction

from hmnp.core.tally import BOUNDS_MS
from hmnp.desk.metric_models import Grain, MetricBucket

# A process that could not reach the database sends an hour's figures late.
_LATE = timedelta(hours=2)
KEPT = {
    Grain.MINUTE: timedelta(hours=50),
    Grain.HOUR: timedelta(days=60),
    Grain.DAY: timedelta(days=3 * 366),
}

_SPREAD = ", ".join(f"COALESCE(sum(spread[{i}]), 0)" for i in range(1, len(BOUNDS_MS) + 2))
_SUM = f"""
    INSERT INTO desk_metricbucket
        (grain, starts_at, metric, subject, outcome, count, total, spread)
    SELECT %(into)s, %(starts_at)s, metric, subject, outcome, sum(count), sum(total),
        CASE WHEN max(cardinality(spread)) > 0 THEN ARRAY[{_SPREAD}]::bigint[] ELSE '{{}}' END
    FROM desk_metricbucket
    WHERE grain = %(of)s AND starts_at >= %(starts_at)s AND starts_at < %(ends_at)s
    GROUP BY metric, subject, outcome
    ON CONFLICT (grain, starts_at, metric, subject, outcome) DO UPDATE SET
        count = excluded.count, total = excluded.total, spread = excluded.spread
"""  # noqa: S608 -- put together from a number of ours


def roll_up(*, now: datetime) -> None:
    """Sum the hours that may have changed, and the days they are in."""
    hours = _hours_to_sum(now=now)
    for hour in hours:
        _sum(Grain.MINUTE, Grain.HOUR, starts_at=hour, ends_at=hour + timedelta(hours=1))
    for day in sorted({local_date(hour) for hour in hours}):
        sum_day(day)


def sum_day(day: date) -> None:
    """Sum one of the business's days from its hours: 23, 24 or 25 of them."""
    _sum(
        Grain.HOUR,
        Grain.DAY,
        starts_at=day_start(day),
        ends_at=day_start(day + timedelta(days=1)),
    )


def day_start(day: date) -> datetime:
    """Give the moment one of the business's days begins."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(settings.BUSINESS_TIME_ZONE))


def hour_of(moment: datetime) -> datetime:
    """Give the start of the hour a moment is in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def forget(*, now: datetime) -> int:
    """Delete the buckets that are kept no longer; give how many."""
    deleted = 0
    for grain, kept in KEPT.items():
        old = MetricBucket.objects.filter(grain=grain.value, starts_at__lt=now - kept)
        deleted += old._raw_delete(old.db)
    return deleted


def _hours_to_sum(*, now: datetime) -> list[datetime]:
    """Give the hours from the last one summed on, `_LATE` before it included."""
    newest = (
        MetricBucket.objects.filter(grain=Grain.HOUR.value, metric="uptime")
        .order_by("-starts_at")
        .values_list("starts_at", flat=True)
        .first()
    )
    # Not so far back that some of an hour's minutes are forgotten.
    oldest = now - KEPT[Grain.MINUTE] + timedelta(hours=2)
    hour, last = hour_of(max((newest or oldest) - _LATE, oldest)), hour_of(now)
    hours = []
    while hour <= last:
        hours.append(hour)
        hour += timedelta(hours=1)
    return hours


def _sum(of: Grain, into: Grain, *, starts_at: datetime, ends_at: datetime) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        if into is Grain.DAY:
            # What is derived from rows may have become another outcome.
            MetricBucket.objects.filter(grain=into.value, starts_at=starts_at).delete()
        cursor.execute(
            _SUM,
            {"of": of.value, "into": into.value, "starts_at": starts_at, "ends_at": ends_at},
        )


def local_date(moment: datetime) -> date:
    """Give the business's date at a moment."""
    return moment.astimezone(ZoneInfo(settings.BUSINESS_TIME_ZONE)).date()

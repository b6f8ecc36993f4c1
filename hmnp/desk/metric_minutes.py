"""What a worker looks at once a minute: is the site up, and how is the database?

A minute is up when the site answered the probe. One without a probe (beat was silent) is up when a
web process said itself that it lives and reaches the database; one without either is down.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
from django.conf import settings
from django.db import connection

from hmnp.desk import metric_store
from hmnp.desk.metric_models import Grain, MetricBucket

PROBE = "probe"
UPTIME = "uptime"
ALIVE = "alive"
DATABASE = "database"
SITE = "site"
UP, DEGRADED, DOWN = "up", "degraded", "down"

_TIMEOUT = httpx.Timeout(6.0, connect=3.05)
# A process sends on what it counted within seconds; a minute is judged once it is surely in.
_JUDGED_AFTER = timedelta(minutes=2)
_ONE = timedelta(minutes=1)
# Of a site that was away for longer, the rest is not filled in.
_LONGEST_GAP = timedelta(hours=48)


def minute_of(moment: datetime) -> datetime:
    """Give the start of the minute a moment is in."""
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def probe() -> str:
    """Ask the site's own readiness over the network: up, degraded (the database is) or down."""
    url = settings.PROBE_URL or settings.PUBLIC_BASE_URL.rstrip("/") + "/readyz"
    try:
        answer = httpx.get(url, timeout=_TIMEOUT, trust_env=False)
        if answer.status_code == 200:
            return UP
        checks = answer.json().get("checks", {})
    except (httpx.HTTPError, ValueError, AttributeError):
        return DOWN
    return DEGRADED if checks.get("database") == "ok" else DOWN


def note_probe(*, found: str, now: datetime) -> None:
    """Write down what the probe of this minute found."""
    metric_store.set_minutes(rows=[(minute_of(now), PROBE, SITE, found, 1)])
    metric_store.set_reading(name=PROBE, subject=SITE, value=float(found != DOWN), at=now)


def judge_minutes(*, now: datetime) -> int:
    """Say of each minute that is over whether the site was up; give how many were judged."""
    until = minute_of(now) - _JUDGED_AFTER
    begun = _first_to_judge(until=until)
    if begun is None:
        return 0
    minutes = MetricBucket.objects.filter(grain=Grain.MINUTE.value, starts_at__gte=begun)
    probed = {
        row["starts_at"]: row["outcome"]
        for row in minutes.filter(metric=PROBE).values("starts_at", "outcome")
    }
    alive = set(
        minutes.filter(metric=ALIVE, subject="web").values_list("starts_at", flat=True).distinct()
    )
    rows = []
    while begun <= until:
        found = probed.get(begun) or (UP if begun in alive else DOWN)
        rows.append((begun, UPTIME, SITE, found, 1.0))
        begun += _ONE
    metric_store.set_minutes(rows=rows)
    return len(rows)


def _first_to_judge(*, until: datetime) -> datetime | None:
    """Give the minute after the last one judged, else the first in which anything was seen."""
    minutes = MetricBucket.objects.filter(
        grain=Grain.MINUTE.value, starts_at__gte=until - _LONGEST_GAP
    )
    judged = minutes.filter(metric=UPTIME).order_by("-starts_at")
    if (last := judged.values_list("starts_at", flat=True).first()) is not None:
        return last + _ONE
    seen = minutes.filter(metric__in=[PROBE, ALIVE]).order_by("starts_at")
    return seen.values_list("starts_at", flat=True).first()


# What is in the way of others, and how full the server is. A replica there is none.
_HEALTH = """
    SELECT
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
            * 100.0 / current_setting('max_connections')::int,
        (SELECT COALESCE(max(EXTRACT(epoch FROM clock_timestamp() - xact_start)), 0)
         FROM pg_stat_activity
         WHERE datname = current_database() AND backend_type = 'client backend'
             AND pid <> pg_backend_pid()),
        (SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'),
        pg_database_size(current_database()),
        (SELECT COALESCE(max(n_dead_tup * 100.0 / NULLIF(n_live_tup + n_dead_tup, 0)), 0)
         FROM pg_stat_user_tables WHERE n_live_tup + n_dead_tup > 10000)
"""
DATABASE_FIGURES = (
    "connections_percent",
    "longest_transaction_seconds",
    "waiting_for_locks",
    "size_bytes",
    "dead_rows_percent",
)


def sample_database(*, now: datetime) -> dict[str, float]:
    """Write down how the database is in this minute, and give it."""
    with connection.cursor() as cursor:
        cursor.execute(_HEALTH)
        figures = dict(zip(DATABASE_FIGURES, map(float, cursor.fetchone()), strict=True))
    minute = minute_of(now)
    metric_store.set_minutes(
        rows=[(minute, DATABASE, name, "", value) for name, value in figures.items()]
    )
    for name, value in figures.items():
        metric_store.set_reading(name=DATABASE, subject=name, value=value, at=now)
    return figures

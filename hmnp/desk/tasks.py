"""What beat rings the desk for: to watch, to measure, to sum up and to forget."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from hmnp.desk import lasting_breaches, metric_facts, metric_minutes, metric_rollup, watching


@shared_task(name="desk.watch")
def watch() -> bool:
    """Say that beat lives; measure every rule and tell of what changed."""
    return watching.watch_by_beat(now=timezone.now())


@shared_task(name="desk.measure_minute")
def measure_minute() -> str:
    """Ask whether the site is up and how the database is; sum up. Give what the site answered."""
    found = metric_minutes.probe()
    now = timezone.now()
    metric_minutes.note_probe(found=found, now=now)
    metric_minutes.judge_minutes(now=now)
    metric_minutes.sample_database(now=now)
    metric_rollup.roll_up(now=now)
    return found


@shared_task(name="desk.derive_facts")
def derive_facts() -> None:
    """Derive the last hours' figures of the business from its rows."""
    metric_facts.derive(now=timezone.now())


@shared_task(name="desk.check_invariants", soft_time_limit=240, time_limit=270)
def check_invariants() -> int:
    """Look for rows that contradict what must hold, and go on doing so; give how many."""
    return lasting_breaches.note(now=timezone.now())


@shared_task(name="desk.forget_metrics")
def forget_metrics() -> int:
    """Derive the last days once more, and delete buckets that are kept no longer; give how many."""
    now = timezone.now()
    metric_facts.derive(now=now, back=timedelta(days=3))
    for days in range(4):
        metric_rollup.sum_day(metric_rollup.local_date(now - timedelta(days=days)))
    return metric_rollup.forget(now=now)

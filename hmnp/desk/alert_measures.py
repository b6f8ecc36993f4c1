"""How each rule is measured: from what was counted, or from the rows themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, Sum

from hmnp.core.metrics import LIMITS, REQUEST
from hmnp.desk import metric_minutes
from hmnp.desk.alert_models import AlertRule
from hmnp.desk.alert_rules import Rule
from hmnp.desk.metric_facts import STRIPE_FAILED_AFTER
from hmnp.desk.metric_models import Grain, MetricBucket, Reading
from hmnp.desk.outside_page import NAMES
from integrations.destinations import TROUBLED_SQL
from integrations.states import Destination, JobState
from payments.models import Payment
from payments.states import CAPTURED_PAYMENTS, PaymentMethod, PaymentStatus

BEAT = "beat"
HEART = "heart"
INVARIANT = "invariant"


@dataclass(frozen=True)
class Measured:
    """What was found for one subject of a rule; `says` is for people, and names nobody."""

    value: float
    samples: int
    says: str
    subject: str = ""


Measure = Callable[[AlertRule, datetime], Sequence[Measured]]


def _minutes(rule: AlertRule, now: datetime) -> Q:
    since = metric_minutes.minute_of(now) - timedelta(minutes=rule.window_minutes)
    return Q(grain=Grain.MINUTE.value, starts_at__gt=since, starts_at__lte=now)


def _response_time(rule: AlertRule, now: datetime) -> list[Measured]:
    found = MetricBucket.objects.filter(_minutes(rule, now), metric=REQUEST).aggregate(
        counted=Sum("count"), summed=Sum("total")
    )
    count = found["counted"] or 0
    average = (found["summed"] or 0) / count if count else 0
    return [Measured(average, count, f"an answer takes {average:.0f} ms on average")]


def _error_rate(rule: AlertRule, now: datetime) -> list[Measured]:
    found = MetricBucket.objects.filter(_minutes(rule, now), metric=REQUEST).aggregate(
        answered=Sum("count"), failed=Sum("count", filter=Q(outcome="5xx"))
    )
    count, failed = found["answered"] or 0, found["failed"] or 0
    share = _percent(failed, count)
    return [Measured(share, count, f"{failed} of {count} answers were errors ({share:.1f} %)")]


def _payment_failures(rule: AlertRule, now: datetime) -> list[Measured]:
    asked = Payment.objects.filter(
        created_at__gte=now - timedelta(minutes=rule.window_minutes),
        created_at__lte=now,
        method=PaymentMethod.CARD.value,
    )
    good = asked.filter(status__in=[status.value for status in CAPTURED_PAYMENTS]).count()
    failed = asked.filter(
        Q(status=PaymentStatus.FAILED.value)
        | Q(provider_intent_id=None, intent_requested_at__lte=now - STRIPE_FAILED_AFTER)
    ).count()
    share = _percent(failed, good + failed)
    says = f"{failed} of {good + failed} payments failed ({share:.0f} %)"
    return [Measured(share, good + failed, says)]


# Still failing, however long ago they began; and what ended in the window.
_JOBS = """
    SELECT destination, count(*) FILTER (WHERE is_failing), count(*)
    FROM (
        SELECT destination, TRUE AS is_failing FROM integrations_outboxjob
        WHERE state = 'READY' AND attempts > 0 AND last_error <> ''
        UNION ALL
        SELECT destination, TRUE FROM integrations_outboxjob
        WHERE state = 'RUNNING' AND attempts > 1
        UNION ALL
        SELECT destination, state = 'DEAD' FROM integrations_outboxjob
        WHERE state IN ('SUCCEEDED', 'DEAD') AND finished_at > %s AND finished_at <= %s
    ) AS tried GROUP BY destination
"""


def _integration_failures(rule: AlertRule, now: datetime) -> list[Measured]:
    found = []
    for destination, failing, tried in _rows(
        _JOBS, [now - timedelta(minutes=rule.window_minutes), now]
    ):
        share = _percent(failing, tried)
        says = f"{_name(destination)}: {failing} of {tried} jobs fail ({share:.0f} %)"
        found.append(Measured(share, tried, says, subject=destination))
    return found


def _dead_letters(rule: AlertRule, now: datetime) -> list[Measured]:
    rows = _rows(
        "SELECT destination, count(*) FROM integrations_outboxjob "
        "WHERE state = %s AND is_required GROUP BY destination",
        [JobState.DEAD.value],
    )
    return [
        Measured(count, count, f"{_name(destination)}: {count} given up", subject=destination)
        for destination, count in rows
    ]


# A job of a system that is paused, or in trouble, waits for that system and has its own alert.
_OVERDUE = f"""
    SELECT count(*) FROM integrations_outboxjob AS job
    WHERE ((state = 'READY' AND run_at <= %(since)s)
            OR (state = 'RUNNING' AND lease_until <= %(since)s))
        AND NOT {TROUBLED_SQL}
"""  # noqa: S608 -- the only part put in is a constant


def _overdue_jobs(rule: AlertRule, now: datetime) -> list[Measured]:
    since = now - timedelta(minutes=rule.window_minutes)
    count = int(_rows(_OVERDUE, {"since": since})[0][0])
    jobs = "1 job has" if count == 1 else f"{count} jobs have"
    says = f"{jobs} been due for over {rule.window_minutes} minutes"
    return [Measured(count, count, says)]


def _invariants(rule: AlertRule, now: datetime) -> list[Measured]:
    return [
        Measured(
            reading.value,
            int(reading.value),
            f"{reading.subject}: {reading.value:.0f} rows break it",
            subject=reading.subject,
        )
        for reading in Reading.objects.filter(name=INVARIANT)
    ]


def _beat_silent(rule: AlertRule, now: datetime) -> list[Measured]:
    heart = Reading.objects.filter(name=HEART, subject=BEAT).first()
    seconds = max((now - heart.at).total_seconds(), 0) if heart else 0
    is_worked = MetricBucket.objects.filter(
        grain=Grain.MINUTE.value,
        metric=metric_minutes.ALIVE,
        subject="worker",
        starts_at__gt=now - timedelta(minutes=2),
    ).exists()
    who = "beat is silent, the workers live" if is_worked else "beat and every worker are silent"
    return [Measured(seconds, 1, f"for {seconds:.0f} s {who}")]


def _site_down(rule: AlertRule, now: datetime) -> list[Measured]:
    probes = MetricBucket.objects.filter(_minutes(rule, now), metric=metric_minutes.PROBE)
    down = probes.filter(outcome=metric_minutes.DOWN).count()
    says = f"no answer in {down} of the last {rule.window_minutes} minutes"
    return [Measured(down, probes.count(), says)]


def _limits_apart(rule: AlertRule, now: datetime) -> list[Measured]:
    found = MetricBucket.objects.filter(_minutes(rule, now), metric=LIMITS).aggregate(
        counted=Sum("count")
    )
    count = found["counted"] or 0
    return [Measured(count, count, "Redis did not answer; limits are kept by each server alone")]


def _database_full(rule: AlertRule, now: datetime) -> list[Measured]:
    found = MetricBucket.objects.filter(
        _minutes(rule, now), metric=metric_minutes.DATABASE, subject="connections_percent"
    ).aggregate(counted=Sum("count"), summed=Sum("total"))
    count = found["counted"] or 0
    share = (found["summed"] or 0) / count if count else 0
    return [Measured(share, count, f"{share:.0f} % of the connections are in use")]


MEASURES: dict[Rule, Measure] = {
    Rule.RESPONSE_TIME: _response_time,
    Rule.ERROR_RATE: _error_rate,
    Rule.PAYMENT_FAILURES: _payment_failures,
    Rule.INTEGRATION_FAILURES: _integration_failures,
    Rule.DEAD_LETTERS: _dead_letters,
    Rule.OVERDUE_JOBS: _overdue_jobs,
    Rule.INVARIANTS: _invariants,
    Rule.BEAT_SILENT: _beat_silent,
    Rule.SITE_DOWN: _site_down,
    Rule.LIMITS_APART: _limits_apart,
    Rule.DATABASE_FULL: _database_full,
}


def _name(destination: str) -> str:
    return NAMES.get(Destination(destination), destination)


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def _rows(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows

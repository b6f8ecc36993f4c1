"""The rules as they come; each is a row from then on, which the owner may change."""

from __future__ import annotations

from enum import StrEnum

from hmnp.desk.alert_models import AlertRule, Severity


class Rule(StrEnum):
    """What is watched; `hmnp/desk/alert_measures.py` knows how."""

    RESPONSE_TIME = "RESPONSE_TIME"
    ERROR_RATE = "ERROR_RATE"
    PAYMENT_FAILURES = "PAYMENT_FAILURES"
    INTEGRATION_FAILURES = "INTEGRATION_FAILURES"
    DEAD_LETTERS = "DEAD_LETTERS"
    OVERDUE_JOBS = "OVERDUE_JOBS"
    INVARIANTS = "INVARIANTS"
    BEAT_SILENT = "BEAT_SILENT"
    SITE_DOWN = "SITE_DOWN"
    LIMITS_APART = "LIMITS_APART"
    DATABASE_FULL = "DATABASE_FULL"


_CRITICAL, _WARNING = Severity.CRITICAL, Severity.WARNING

# The design's thresholds are the first four.
DEFAULTS = (
    AlertRule(
        code=Rule.RESPONSE_TIME,
        name="Slow answers",
        meaning="The site's average answer takes longer than this.",
        unit="ms",
        severity=_WARNING,
        threshold=500,
        close_at=400,
        window_minutes=5,
        min_samples=20,
    ),
    AlertRule(
        code=Rule.ERROR_RATE,
        name="Errors on the site",
        meaning="Of all answers, more than this were errors of ours (5xx).",
        unit="%",
        severity=_CRITICAL,
        threshold=1,
        close_at=0.5,
        window_minutes=10,
        min_samples=20,
    ),
    AlertRule(
        code=Rule.PAYMENT_FAILURES,
        name="Payments fail",
        meaning="Of the payments asked for, more than this failed; declined cards do not count.",
        unit="%",
        severity=_CRITICAL,
        threshold=5,
        close_at=2,
        window_minutes=30,
        min_samples=5,
    ),
    AlertRule(
        code=Rule.INTEGRATION_FAILURES,
        name="An outside system fails",
        meaning="Of the jobs for one outside system, more than this fail at present.",
        unit="%",
        severity=_WARNING,
        threshold=10,
        close_at=5,
        window_minutes=30,
        min_samples=5,
    ),
    AlertRule(
        code=Rule.DEAD_LETTERS,
        name="Jobs given up",
        meaning="Jobs that must be done were given up; a person must look at them.",
        unit="jobs",
        severity=_CRITICAL,
        threshold=0,
        close_at=0,
        open_after=1,
        close_after=1,
    ),
    AlertRule(
        code=Rule.OVERDUE_JOBS,
        name="Jobs wait too long",
        meaning="Jobs that are due are not being done; no worker takes them.",
        unit="jobs",
        severity=_CRITICAL,
        threshold=0,
        close_at=0,
        # How long a job may be due before it counts.
        window_minutes=5,
    ),
    AlertRule(
        code=Rule.INVARIANTS,
        name="A rule of the books is broken",
        meaning="Rows contradict what must always hold; see `manage.py check_invariants`.",
        unit="rows",
        severity=_CRITICAL,
        threshold=0,
        close_at=0,
        open_after=1,
        close_after=1,
    ),
    AlertRule(
        code=Rule.BEAT_SILENT,
        name="The clock stands still",
        meaning="Nothing rings for what is due: beat, or every worker, has been silent so long.",
        unit="s",
        severity=_CRITICAL,
        threshold=180,
        close_at=90,
        open_after=1,
        close_after=2,
    ),
    AlertRule(
        code=Rule.SITE_DOWN,
        name="The site does not answer",
        meaning="In so many of the last minutes the site did not answer its probe.",
        unit="minutes",
        severity=_CRITICAL,
        threshold=1,
        close_at=0,
        window_minutes=5,
        open_after=1,
        close_after=2,
    ),
    AlertRule(
        code=Rule.LIMITS_APART,
        name="Limits without Redis",
        meaning="Redis did not answer: each server limited requests on its own, or not at all.",
        unit="times",
        severity=_WARNING,
        threshold=0,
        close_at=0,
        window_minutes=5,
        open_after=1,
        close_after=2,
    ),
    AlertRule(
        code=Rule.DATABASE_FULL,
        name="The database's connections run out",
        meaning="More than this of the database's connections are in use.",
        unit="%",
        severity=_WARNING,
        threshold=80,
        close_at=70,
        window_minutes=3,
    ),
)


def load_rules() -> list[AlertRule]:
    """Give every rule; those that are not there yet are written as they come."""
    rules = {rule.code: rule for rule in AlertRule.objects.all()}
    missing = [rule for rule in DEFAULTS if rule.code not in rules]
    if missing:
        AlertRule.objects.bulk_create(missing, ignore_conflicts=True)
        rules = {rule.code: rule for rule in AlertRule.objects.all()}
    return [rules[code] for code in Rule if code in rules]

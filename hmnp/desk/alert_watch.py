"""Measure every rule, and open or close its alerts: not on the first sign, nor back and forth."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

from django.db.models import F
from django.db.models.functions import Greatest

from hmnp.desk.actions.close_alert import close_alert
from hmnp.desk.actions.open_alert import open_alert
from hmnp.desk.alert_measures import MEASURES, Measured
from hmnp.desk.alert_models import Alert, AlertRule, AlertWatch
from hmnp.desk.alert_rules import Rule, load_rules

logger = logging.getLogger(__name__)

_SWITCHED_OFF = "the rule was switched off"


def evaluate(*, now: datetime) -> None:
    """Measure every rule that is on and act on what is found; one that fails stops no other."""
    is_open = {alert.cause: alert for alert in Alert.objects.filter(closed_at__isnull=True)}
    for rule in load_rules():
        try:
            _evaluate_rule(rule, is_open, now)
        except Exception:
            logger.exception("a rule cannot be measured", extra={"kind": rule.code})


def _evaluate_rule(rule: AlertRule, is_open: Mapping[str, Alert], now: datetime) -> None:
    causes = {cause: alert for cause, alert in is_open.items() if alert.rule_id == rule.code}
    if not rule.is_on:
        for alert in causes.values():
            close_alert(alert=alert, value=alert.last_value, how=_SWITCHED_OFF, now=now)
        return
    found = {_cause(rule, one.subject): one for one in MEASURES[Rule(rule.code)](rule, now)}
    # Of what nothing is found any more, nothing is wrong any more.
    gone = {cause: Measured(0, 0, "nothing of it is left") for cause in set(causes) - set(found)}
    for cause, measured in {**found, **gone}.items():
        _judge(rule, cause, measured, causes.get(cause), now)


def _judge(
    rule: AlertRule, cause: str, measured: Measured, alert: Alert | None, now: datetime
) -> None:
    """Count how often in a row it was so, and act once that is often enough.

    Too few samples can open nothing; they may close, since what was wrong would show in any.
    """
    is_over = measured.value > rule.threshold
    is_under = measured.value <= rule.close_at
    watch, _ = AlertWatch.objects.get_or_create(cause=cause, defaults={"measured_at": now})
    watch.over = watch.over + 1 if is_over and measured.samples >= rule.min_samples else 0
    watch.under = watch.under + 1 if is_under else 0
    watch.value, watch.samples, watch.measured_at = measured.value, measured.samples, now
    watch.save()
    if alert is None:
        if watch.over >= rule.open_after:
            summary = f"{rule.name}: {measured.says}"
            open_alert(rule=rule, cause=cause, summary=summary, value=measured.value, now=now)
        return
    if watch.under >= rule.close_after:
        close_alert(alert=alert, value=measured.value, how=measured.says, now=now)
        return
    Alert.objects.filter(pk=alert.pk).update(
        last_value=measured.value, worst_value=Greatest(F("worst_value"), measured.value)
    )


def _cause(rule: AlertRule, subject: str) -> str:
    return f"{rule.code}:{subject}"[:80] if subject else rule.code

"""Whether a price rule's days and hours hold at a wall-clock start. Pure."""

from __future__ import annotations

from datetime import datetime

from services.definitions import PriceRule, RuleCode
from services.federal_holidays import is_federal_holiday


def rule_applies(*, rule: PriceRule, local: datetime) -> bool:
    """Tell whether a rule's days and hours hold at a wall-clock start."""
    if rule.code == RuleCode.HOLIDAY and not is_federal_holiday(local.date()):
        return False
    # HOLIDAY excludes WEEKEND by itself: a holiday counts on an observed weekday only.
    if rule.weekdays and local.isoweekday() not in rule.weekdays:
        return False
    if rule.before_minute is None and rule.from_minute is None:
        return True
    minute = local.hour * 60 + local.minute
    is_early = rule.before_minute is not None and minute < rule.before_minute
    is_late = rule.from_minute is not None and minute >= rule.from_minute
    return is_early or is_late

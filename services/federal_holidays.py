"""US federal holidays, on the weekday they are observed. Pure."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import holidays


@lru_cache(maxsize=16)
def _observed(year: int) -> frozenset[date]:
    # 1 January on a Saturday is observed in the year before, and `holidays` lists it there.
    days = holidays.country_holidays("US", years=year, observed=True)
    return frozenset(day for day in days if day.isoweekday() <= 5)


def is_federal_holiday(day: date) -> bool:
    """Tell whether `day` is a weekday on which a federal holiday is observed.

    A holiday that falls on a weekend counts on the Friday or Monday it is moved to, and on that
    day only.
    """
    return day in _observed(day.year)

"""How long a drive takes: the one estimate behind every travel buffer; a fee never uses it."""

from __future__ import annotations

import math
from functools import lru_cache

from services.travel import miles_between, zip_point

# Straight lines are shorter than roads, and Houston is not driven at the limit.
ROAD_FACTOR = 1.3
MILES_PER_HOUR = 35


@lru_cache(maxsize=65_536)
def drive_minutes(from_zip: str, to_zip: str) -> int:
    """Give the whole minutes of a drive between two ZIP points, rounded up.

    Rounding up keeps the triangle inequality, which releases rely on. Raises `UnknownZip`.
    """
    if from_zip == to_zip:
        return 0
    miles = miles_between(a=zip_point(zip_code=from_zip), b=zip_point(zip_code=to_zip))
    return math.ceil(miles * ROAD_FACTOR / MILES_PER_HOUR * 60)

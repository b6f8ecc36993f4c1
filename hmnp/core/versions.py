"""Numbers that say of a cached answer whether what it was made from still stands.

Each is a row of `core_version` that the database itself raises, by trigger, in the transaction
that changes the rows behind it. Whoever keeps an answer reads the numbers first and the rows
after, and keeps it under the numbers: then it can be too new for them, never too old.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

# The services, with all that hangs on them, and the fees set by law.
CATALOGUE = "catalogue"
# Who works, what they can do and when, and on which days nobody does.
ROSTER = "roster"


def day_name(day: date) -> str:
    """Name the version of the claims and busy times that begin on (or cover) a business day."""
    return f"day:{day.isoformat()}"


def day_names(*, starts_at: datetime, ends_at: datetime) -> list[str]:
    """Name the versions of every business day that a half-open stretch touches.

    The days are the business zone's, whatever zone a service keeps: the trigger counts in it.
    """
    zone = ZoneInfo(settings.BUSINESS_TIME_ZONE)
    first = starts_at.astimezone(zone).date()
    last = (ends_at - timedelta(microseconds=1)).astimezone(zone).date()
    return [day_name(first + timedelta(days=ahead)) for ahead in range((last - first).days + 1)]


def digest(numbers: Mapping[str, int], names: Iterable[str]) -> str:
    """Give what stands for these versions in a key; a row that is not there counts as 0."""
    return combine(str(numbers.get(name, 0)) for name in names)


def combine(parts: Iterable[str]) -> str:
    """Give one short text that stands for several."""
    return hashlib.blake2b(",".join(parts).encode(), digest_size=9).hexdigest()

"""Find bookings by what people say on the phone: a reference, a name, an e-mail, a phone number.

Each way has its index (`Booking.Meta`), written here in the very words of that index. What is
found is collected first and sorted after, so that no plan walks the table by date instead. Half
the town may be called Garcia: the newest are looked for first, and the rest only where those are
too few, as reading what was found is what takes long.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

# The newest of these; whoever sees as many narrows the search.
MOST = 500
_NEW = timedelta(days=60)

_REFERENCE = re.compile(r"(?:HM[-\s]?)?([2-9BCDFGHJKMNPQRSTVWXYZ]{2,6})", re.IGNORECASE)
_PHONE = re.compile(r"[+\d\s().\-/]+")
_LEAST_DIGITS = 4
_LEAST_LETTERS = 3

_BY_REFERENCE = "reference LIKE %(reference)s"
_BY_EMAIL = "lower(customer_email) LIKE %(email)s"
_BY_PHONE = "reverse(customer_phone) LIKE %(phone)s"
_BY_NAME = "to_tsvector('simple', coalesce(customer_name, '')) @@ to_tsquery('simple', %(name)s)"


def statement(text: str, *, now: datetime) -> tuple[str, dict[str, Any]] | None:
    """Give the SQL that finds what `text` may mean, and its values; None when it means nothing."""
    arms, values = _arms(" ".join(text.split())[:200])
    if not arms:
        return None
    newest = _union(arms, "starts_at >= %(new)s")
    every = _union(arms, "(SELECT count(*) FROM newest) < %(most)s")
    return (
        f"WITH newest AS MATERIALIZED ({newest}), every AS MATERIALIZED ({every})"  # noqa: S608 -- our own words
        " SELECT id FROM (SELECT * FROM newest UNION SELECT * FROM every) found"
        " ORDER BY starts_at DESC LIMIT %(most)s",
        {**values, "new": now - _NEW, "most": MOST},
    )


def _union(arms: list[str], limit: str) -> str:
    # Our own words; what was typed is a parameter.
    return " UNION ".join(
        f"SELECT id, starts_at FROM bookings_booking WHERE {arm} AND {limit}"  # noqa: S608 -- as above
        for arm in arms
    )


def find(text: str, *, now: datetime) -> list[UUID]:
    """Give the ids of the newest bookings that `text` may mean, at most `MOST`."""
    asked = statement(text, now=now)
    if asked is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(*asked)
        return [row[0] for row in cursor.fetchall()]


def condition(text: str) -> tuple[str, list[str]] | None:
    """Give the same as words of a WHERE over bookings, and their values in order.

    For a list that is narrowed already: where thousands have a name, the newest of all of them may
    be none of those asked for.
    """
    arms, values = _arms(" ".join(text.split())[:200])
    if not arms:
        return None
    used = [values[name] for arm in arms for name in re.findall(r"%\((\w+)\)s", arm)]
    return re.sub(r"%\(\w+\)s", "%s", f"({' OR '.join(arms)})"), used


def _arms(text: str) -> tuple[list[str], dict[str, str]]:
    if "@" in text:
        return [_BY_EMAIL], {"email": f"{_escaped(text.lower())}%"}
    digits = re.sub(r"\D", "", text)
    if _PHONE.fullmatch(text):
        # From the end: with or without country and area code it is the same number.
        is_phone = len(digits) >= _LEAST_DIGITS
        return ([_BY_PHONE], {"phone": f"{digits[::-1]}%"}) if is_phone else ([], {})
    arms, values = [], {}
    if named := _REFERENCE.fullmatch(text):
        arms.append(_BY_REFERENCE)
        values["reference"] = f"HM-{named[1].upper()}%"
        if text.upper().startswith("HM-"):
            return arms, values
    words = re.findall(r"[^\W_]+", text.lower())
    if any(len(word) >= _LEAST_LETTERS for word in words):
        arms.append(_BY_NAME)
        values["name"] = " & ".join(f"{word}:*" for word in words)
    if len(text) >= _LEAST_LETTERS and " " not in text:
        arms.append(_BY_EMAIL)
        values["email"] = f"{_escaped(text.lower())}%"
    return arms, values


def _escaped(text: str) -> str:
    """Take what LIKE would read as a wildcard for itself."""
    return re.sub(r"([\\%_])", r"\\\1", text)

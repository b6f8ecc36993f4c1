"""Whether the timelines are as they were written, counted anew from every column of every row.

Each row's `hash` is SHA-256 over its place (booking, number, id, the hash before it) and all it
says, as one JSON array in PostgreSQL's canonical text; the head of a booking keeps how many rows
there are and the last hash. The database binds the rows as they are written; here nothing of it is
believed but that text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection, transaction

# Rows read at a time; a fetch is milliseconds, its memory a few megabytes.
_AT_ONCE = 5_000


class Fault(StrEnum):
    ALTERED = "altered"
    REMOVED = "removed"
    SWAPPED = "swapped"
    INSERTED = "inserted"


@dataclass(frozen=True)
class Row:
    """A stored row: its place, and `content`, the canonical JSON array of all it says."""

    booking_id: UUID
    seq: int
    id: int
    prev_hash: str
    hash: str
    content: str

    @property
    def is_intact(self) -> bool:
        """Tell whether it hashes to what was stored with it."""
        return self.digest() == self.hash

    def digest(self) -> str:
        """Count the hash anew."""
        place = f'["{self.booking_id}", {self.seq}, {self.id}, "{self.prev_hash}", '
        return hashlib.sha256((place + self.content[1:]).encode()).hexdigest()


@dataclass(frozen=True)
class Head:
    """What a booking says of its timeline's end."""

    length: int
    hash: str


@dataclass(frozen=True)
class Finding:
    """The first thing that is wrong with one timeline; `seq` is the row's number in it."""

    reference: str
    seq: int
    fault: Fault
    detail: str

    def __str__(self) -> str:
        return f"{self.reference} row {self.seq} {self.fault}: {self.detail}"


@dataclass(frozen=True)
class Timeline:
    """One booking's rows by number, and its head."""

    reference: str
    rows: Sequence[Row]
    head: Head | None


def first_fault(*, timeline: Timeline) -> Finding | None:
    """Find the first row that is not as it was written, was taken out or put in; None: none."""
    rows, before = timeline.rows, ""
    for place, row in enumerate(rows, start=1):
        is_linked = row.seq == place and row.prev_hash == before
        if not (is_linked and row.is_intact and _next_agrees(rows, place)):
            fault, detail = _judge(rows=rows, place=place, before=before)
            return Finding(timeline.reference, place, fault, detail)
        before = row.hash
    return _fault_of_the_end(timeline=timeline)


def _next_agrees(rows: Sequence[Row], place: int) -> bool:
    """Tell whether the row after this place was written after it, as far as it can be told."""
    if place >= len(rows):
        return True
    row, following = rows[place - 1], rows[place]
    if following.prev_hash == row.hash or following.seq != place + 1:
        return True
    return not following.is_intact and following.prev_hash != row.prev_hash


def _judge(*, rows: Sequence[Row], place: int, before: str) -> tuple[Fault, str]:
    """Say what was done at a place whose row is not the one that was written there."""
    row = rows[place - 1]
    for other in rows[place:]:
        if _are_swapped(row, other):
            return Fault.SWAPPED, f"it and row {other.seq} have changed places"
    if row.is_intact and row.prev_hash == before and row.seq == place:
        if rows[place].prev_hash != before:
            return Fault.ALTERED, "its hash is not the one that the next row follows on"
        return Fault.INSERTED, "the row after it follows on the row before it"
    for following in rows[place:]:
        if _was_at(following, place=place) and following.prev_hash == before:
            return Fault.INSERTED, f"what is row {following.seq} now was written in its place"
    if was_at := _place_it_was_at(row, after=place):
        return Fault.REMOVED, f"it was followed by what was row {was_at}"
    if row.seq > place:
        return Fault.REMOVED, f"the next row is number {row.seq}"
    return Fault.ALTERED, "what it says does not hash to its hash"


def _are_swapped(one: Row, other: Row) -> bool:
    """Tell whether either row is intact once it has the other's number, id or content."""
    for names in (("content",), ("seq",), ("id",), ("seq", "id")):
        theirs = {name: getattr(other, name) for name in names}
        ours = {name: getattr(one, name) for name in names}
        are_back = replace(one, **theirs).is_intact and replace(other, **ours).is_intact
        if are_back and theirs != ours:
            return True
    return False


def _was_at(row: Row, *, place: int) -> bool:
    return replace(row, seq=place).is_intact


def _place_it_was_at(row: Row, *, after: int) -> int | None:
    """Give the later number the row was written under, when it was moved up to close a gap."""
    # Who removes more rows than this and renumbers the rest has altered the timeline.
    return next((seq for seq in range(after + 1, after + 50) if _was_at(row, place=seq)), None)


def _fault_of_the_end(*, timeline: Timeline) -> Finding | None:
    rows, head = timeline.rows, timeline.head
    count = len(rows)
    if head is None:
        what = "has lost its head" if rows else "is gone, head and all"
        return Finding(timeline.reference, count or 1, Fault.REMOVED, f"the timeline {what}")
    if count < head.length:
        lost = f"{head.length - count} of {head.length} rows are missing at the end"
        return Finding(timeline.reference, count + 1, Fault.REMOVED, lost)
    if count > head.length:
        more = f"the timeline had {head.length} rows"
        return Finding(timeline.reference, head.length + 1, Fault.INSERTED, more)
    if rows[-1].hash != head.hash:
        return Finding(timeline.reference, count, Fault.ALTERED, "its hash is not the head's")
    return None


_CONTENT = """
    jsonb_build_array(e.action, e.actor_type, e.actor_id, e.changes, e.metadata, e.request_id,
        host(e.ip_address), e.user_agent,
        to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text
"""
_READ = f"""
    SELECT b.reference, head.length, head.hash,
           b.id, e.seq, e.id, e.prev_hash, e.hash, {_CONTENT}
    FROM bookings_booking b
    LEFT JOIN bookings_timelinehead head ON head.booking_id = b.id
    LEFT JOIN bookings_timelineevent e ON e.booking_id = b.id
    WHERE %(reference)s::text IS NULL OR b.reference = %(reference)s
    ORDER BY b.id, e.seq, e.id
"""  # noqa: S608  # our own text
_SEAL = """
    SELECT (at AT TIME ZONE 'UTC')::date::text, count(*),
           encode(sha256(convert_to(
               string_agg(hash, '' ORDER BY booking_id, seq), 'UTF8')), 'hex')
    FROM bookings_timelineevent WHERE at < %s GROUP BY 1 ORDER BY 1
"""


def timelines(*, reference: str | None = None) -> Iterator[Timeline]:
    """Read every booking's timeline, or the one of `reference`, as of one moment, streaming."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            _begin_snapshot(cursor)
        with connection.chunked_cursor() as cursor:
            cursor.cursor.itersize = _AT_ONCE
            cursor.execute(_READ, {"reference": reference})
            for (name, length, hash_), found in groupby(cursor, key=lambda row: row[:3]):
                yield Timeline(
                    reference=name,
                    rows=[Row(*columns[3:]) for columns in found if columns[4] is not None],
                    head=None if length is None else Head(length=length, hash=hash_),
                )


def seals(*, before: datetime) -> dict[str, tuple[int, str]]:
    """Give per UTC day how many rows were written `before` then, and one hash over theirs."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        _begin_snapshot(cursor)
        cursor.execute(_SEAL, [before])
        return {day: (count, root) for day, count, root in cursor.fetchall()}


def _begin_snapshot(cursor: Any) -> None:
    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    cursor.execute("SET LOCAL statement_timeout = 0")
    cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")

"""Take over when a notary's own calendar says they are busy."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from bookings import locks
from bookings.models import BusyBlock
from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case, settle_case
from hmnp.core.times import rfc3339


@dataclass(frozen=True)
class Busy:
    """One event of a notary's calendar that takes time, half-open; its words stay outside."""

    external_id: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class _Clash:
    key: str
    claim_id: UUID
    booking_id: UUID | None
    reference: str
    starts_at: datetime


def import_busy(
    *,
    notary_id: int,
    source: str,
    busy: Iterable[Busy],
    gone: Collection[str] = (),
    is_everything: bool,
) -> int:
    """Write a notary's busy times from one calendar, and give how many rows changed.

    `gone` are events that take no time any more; `is_everything` says that what is not named is
    gone too. Appointments that stand are not touched: one that a new or moved busy time overlaps
    is a case for a person, and is settled when it no longer does.
    """
    wanted = {one.external_id: one for one in busy if one.starts_at < one.ends_at}

    def work() -> int:
        locks.lock_notaries(notary_ids=[notary_id])
        mine = BusyBlock.objects.filter(notary_id=notary_id, source=source)
        before = {block.external_id: block for block in mine}
        changed = [one for one in wanted.values() if not _is_same(before.get(one.external_id), one)]
        if is_everything:
            lost = [block for key, block in before.items() if key not in wanted]
        else:
            lost = [before[key] for key in gone if key in before and key not in wanted]
        touched = [block.pk for block in lost]
        touched += [before[one.external_id].pk for one in changed if one.external_id in before]
        clashed = _clashes(touched)
        BusyBlock.objects.filter(pk__in=[block.pk for block in lost]).delete()
        BusyBlock.objects.bulk_create(
            [
                BusyBlock(
                    notary_id=notary_id,
                    source=source,
                    external_id=one.external_id,
                    period=(one.starts_at, one.ends_at),
                )
                for one in changed
            ],
            update_conflicts=True,
            unique_fields=["notary", "source", "external_id"],
            update_fields=["period", "imported_at"],
        )
        ids = [one.external_id for one in changed]
        clashing = _clashes(mine.filter(external_id__in=ids).values_list("pk", flat=True))
        for key in clashed.keys() - clashing.keys():
            settle_case(kind=CaseKind.CALENDAR_CLASH, key=key, how="the busy time is elsewhere now")
        for clash in clashing.values():
            _open(clash)
        return len(changed) + len(lost)

    return transactions.run(work)


def forget_busy(*, notary_id: int, prefix: str, but: str = "") -> int:
    """Forget a notary's busy times from calendars that are not theirs any more; give how many.

    Every source that begins with `prefix`, except `but`.
    """

    def work() -> int:
        locks.lock_notaries(notary_ids=[notary_id])
        old = BusyBlock.objects.filter(notary_id=notary_id, source__startswith=prefix)
        old = old.exclude(source=but)
        for key in _clashes(old.values_list("pk", flat=True)):
            settle_case(kind=CaseKind.CALENDAR_CLASH, key=key, how="the calendar is not used now")
        return old.delete()[0]

    return transactions.run(work)


def _is_same(block: BusyBlock | None, one: Busy) -> bool:
    return (
        block is not None
        and block.period.lower == one.starts_at
        and block.period.upper == one.ends_at
    )


def _clashes(block_ids: Iterable[int]) -> dict[str, _Clash]:
    """Find the live claims that these busy times overlap, the drive included."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.id, b.external_id, c.booking_id, coalesce(k.reference, ''), c.starts_at
            FROM bookings_busyblock b
            -- As the exclusion constraint writes it, so that its index finds them.
            JOIN bookings_slotclaim c ON c.period && b.period
              AND int8range(c.notary_id, c.notary_id, '[]')
                  && int8range(b.notary_id, b.notary_id, '[]')
            LEFT JOIN bookings_booking k ON k.id = c.booking_id
            WHERE b.id = ANY(%s) AND c.state IN ('HELD', 'PAYING', 'CLOSING', 'BOOKED')
              AND c.ends_at > clock_timestamp()
              AND NOT (c.state = 'HELD' AND c.expires_at <= clock_timestamp())
            """,
            [list(block_ids)],
        )
        rows = cursor.fetchall()
    found = {}
    for claim_id, external_id, booking_id, reference, starts_at in rows:
        # An event's id is as long as the other side likes.
        key = f"{claim_id}:{hashlib.sha256(external_id.encode()).hexdigest()[:16]}"
        found[key] = _Clash(key, claim_id, booking_id, reference, starts_at)
    return found


def _open(clash: _Clash) -> None:
    what = f"booking {clash.reference}" if clash.reference else "a time being booked"
    open_case(
        kind=CaseKind.CALENDAR_CLASH,
        key=clash.key,
        subject=f"booking:{clash.booking_id}" if clash.booking_id else f"claim:{clash.claim_id}",
        summary=f"The notary's own calendar is busy during {what}; ask the notary, then move or "
        "reassign the booking, or leave both.",
        repair="ask_notary",
        booking_id=clash.booking_id,
        starts_at=rfc3339(clash.starts_at),
    )

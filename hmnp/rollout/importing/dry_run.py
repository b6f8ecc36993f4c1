"""What an import would do, without writing a row."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from hmnp.core.money import show
from hmnp.rollout.importing.sources import Source
from hmnp.rollout.states import Table
from hmnp.rollout.v1 import context as contexts
from hmnp.rollout.v1.bookings import Plan, Unreadable, plan_booking
from hmnp.rollout.v1.context import Context, note_service, slug_of
from hmnp.rollout.v1.values import Row, pick, text


def rehearse(
    *, source: Source, now: datetime, progress: Callable[[str, int, int], None]
) -> Iterator[str]:
    """Plan every booking of the export and give the report's lines; the source is read twice."""
    context = contexts.load(now=now)
    payments, seen, trouble = _first_reading(source, context, progress)
    statuses: Counter[tuple[str, str]] = Counter()
    reasons: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    live: list[Plan] = []
    paid = refunded = 0
    used: set[str] = set()
    for one in source.rows():
        if one.table != Table.BOOKING.value or pick(one.row, "id") is None:
            continue
        progress("planning", round(source.progress() * 1000), 1000)
        own = payments.pop(str(one.row["id"]), [])
        try:
            plan = plan_booking(row=one.row, payments=own, context=context, used_intents=used)
        except Unreadable as error:
            reasons[error.reason] += 1
            continue
        statuses[str(one.row.get("status")), plan.booking.status.value] += 1
        notes.update(plan.notes + plan.repairs)
        notes.update(fate.reason for fate in plan.fates if fate.reason)
        paid += plan.booking.paid_cents
        refunded += plan.booking.refunded_cents
        if plan.is_live:
            live.append(plan)
    yield "Nothing was written. An import would find:"
    yield from (f"  {number:>9,} rows of {table}" for table, number in sorted(seen.items()))
    yield from (f"  unreadable: {line}" for line in trouble[:20])
    yield f"bookings that would be taken over: {sum(statuses.values()):,}"
    yield from (f"  {v1:24} → {ours:12}{n:>9,}" for (v1, ours), n in statuses.most_common())
    yield f"to come, each with its time claimed: {len(live):,}; of these {_overlapping(live):,}"
    yield "  overlap another of the same notary, or of no notary, and may become cases"
    yield f"money: {show(paid)} paid, {show(refunded)} given back"
    yield f"refused: {sum(reasons.values()):,}"
    yield from (f"  {number:>9,} {reason}" for reason, number in reasons.most_common(20))
    orphans = sum(len(rows) for rows in payments.values())
    yield f"payments whose booking is not in the export: {orphans:,}"
    yield from (f"  {number:>9,} noted: {note}" for note, number in notes.most_common(20))


def _first_reading(
    source: Source, context: Context, progress: Callable[[str, int, int], None]
) -> tuple[dict[str, list[Row]], Counter[str], list[str]]:
    payments: dict[str, list[Row]] = defaultdict(list)
    seen: Counter[str] = Counter()
    trouble: list[str] = []
    for one in source.rows():
        progress("reading", round(source.progress() * 1000), 1000)
        if one.table is None:
            trouble.append(one.trouble)
            continue
        seen[one.table] += 1
        if one.table == Table.PAYMENT.value:
            payments[str(pick(one.row, "bookingId") or "")].append(one.row)
        elif one.table == Table.SERVICE.value:
            _note_service(context, one.row)
        elif one.table == Table.PROMO_CODE.value:
            context.promos[str(one.row.get("id"))] = text(one.row, "code", most=40).upper()
    return payments, seen, trouble


def _note_service(context: Context, row: dict[str, Any]) -> None:
    slug = slug_of(row) or "standard-notary"
    if slug in context.by_slug:
        note_service(context, str(row.get("id")), context.by_slug[slug], row)


def _overlapping(plans: list[Plan]) -> int:
    """Count live ones that begin before the one before them ends, by notary."""
    by_notary: dict[int | None, list[Plan]] = defaultdict(list)
    for plan in plans:
        by_notary[plan.booking.notary_id].append(plan)
    found = 0
    for own in by_notary.values():
        own.sort(key=lambda plan: plan.booking.starts_at)
        latest: datetime | None = None
        for plan in own:
            found += latest is not None and plan.booking.starts_at < latest
            latest = max(latest or plan.booking.ends_at, plan.booking.ends_at)
    return found

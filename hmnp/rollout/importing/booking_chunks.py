"""V1's bookings with their money, some thousand at a time; each chunk is whole or not at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bookings.actions.import_bookings import Placed, import_ended, import_live
from bookings.models import Booking
from bookings.states import LIVE_STATUSES
from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case
from hmnp.rollout.importing.fates import RowFate, settle_rows, waiting
from hmnp.rollout.models import V1Row
from hmnp.rollout.states import RowState, Table
from hmnp.rollout.v1.bookings import Plan, Unreadable, plan_booking
from hmnp.rollout.v1.context import Context
from integrations.refs import import_refs
from payments.actions.import_payments import import_payments
from payments.models import Payment

CHUNK = 2000
# Live ones lock the calendars they go into: nobody who books must wait for long.
LIVE_CHUNK = 50

_SUMMARIES = {
    "agree_new_time": "V1 says this appointment needs another time.",
    "agree_or_refund": "V1 took money for an appointment that had to be moved and never was.",
    "correct_contact": "This customer cannot be written to.",
}


class Rows:
    """The kept rows behind some plans, to write their fates by."""

    def __init__(self, bookings: Sequence[V1Row], payments: Sequence[V1Row]) -> None:
        self.booking_pk = {kept.v1_id: kept.pk for kept in bookings}
        self.payment_pk = {kept.v1_id: kept.pk for kept in payments}


@dataclass(frozen=True)
class Step:
    """How many bookings a step has dealt with; `is_bulk`: at once, without a calendar."""

    count: int
    is_bulk: bool


def import_bookings(*, context: Context) -> Iterator[Step]:
    """Take over every waiting booking, step by step."""
    while chunk := list(waiting(Table.BOOKING)[:CHUNK]):
        yield from import_chunk(chunk, context=context)


def import_chunk(chunk: Sequence[V1Row], *, context: Context) -> Iterator[Step]:
    """Take over these bookings: what is over in one transaction, what is to come in small ones."""
    live, rows = _import_ended(chunk, context)
    yield Step(len(chunk) - len(live), is_bulk=True)
    # Day by day, and what is paid for before its unpaid twin.
    live.sort(key=lambda plan: (plan.booking.starts_at, -plan.booking.paid_cents, plan.v1_id))
    for start in range(0, len(live), LIVE_CHUNK):
        part = live[start : start + LIVE_CHUNK]
        transactions.run(lambda part=part: _write_live(part, rows, context.now))  # type: ignore[misc]  # bound in its own turn
        yield Step(len(part), is_bulk=False)


def import_ended_part(chunk: Sequence[V1Row], *, context: Context) -> None:
    """Take over what of these is over, and leave the rest waiting."""
    _import_ended(chunk, context)


def _import_ended(chunk: Sequence[V1Row], context: Context) -> tuple[list[Plan], Rows]:
    """Write what is over, and give the plans of what is to come."""
    payments = list(
        V1Row.objects.filter(
            table=Table.PAYMENT.value,
            parent_id__in=[kept.v1_id for kept in chunk],
            state=RowState.PENDING.value,
        )
    )
    plans, refused = _plan(chunk, payments, context)
    rows = Rows(chunk, payments)
    ended = [plan for plan in plans if not plan.is_live]
    transactions.run(lambda: _write_ended(ended, refused, rows, context.now))
    return [plan for plan in plans if plan.is_live], rows


def _plan(
    chunk: Sequence[V1Row], payments: Sequence[V1Row], context: Context
) -> tuple[list[Plan], list[RowFate]]:
    by_parent: dict[str, list[V1Row]] = defaultdict(list)
    for kept in payments:
        by_parent[kept.parent_id].append(kept)
    used = _intents_known(payments)
    plans, refused = [], []
    for kept in chunk:
        own = by_parent[kept.v1_id]
        try:
            plans.append(
                plan_booking(
                    row=kept.row,
                    payments=[one.row for one in own],
                    context=context,
                    used_intents=used,
                )
            )
        except Unreadable as error:
            refused.append(RowFate(kept.pk, RowState.REJECTED, reason=error.reason))
            refused += [
                RowFate(one.pk, RowState.REJECTED, reason="its booking was refused") for one in own
            ]
    return plans, refused


def _intents_known(payments: Iterable[V1Row]) -> set[str]:
    """Give which of these rows' intents a payment has already: two never share one."""
    named = {
        name
        for kept in payments
        for name in (kept.row.get("paymentIntentId"), kept.row.get("transactionId"))
        if isinstance(name, str) and name.startswith("pi_")
    }
    known = Payment.objects.filter(provider_intent_id__in=named)
    return {str(name) for name in known.values_list("provider_intent_id", flat=True)}


def _write_ended(plans: list[Plan], refused: list[RowFate], rows: Rows, now: datetime) -> None:
    import_ended(bookings=[plan.booking for plan in plans], now=now)
    _write_beside(plans, rows)
    settle_rows(refused)


def _write_live(plans: list[Plan], rows: Rows, now: datetime) -> None:
    twins = _twins(plans)
    merged = [plan for plan in plans if plan.v1_id in twins]
    kept = [plan for plan in plans if plan.v1_id not in twins]
    placed = import_live(bookings=[plan.booking for plan in kept], now=now)
    _write_beside(kept, rows)
    for plan in merged:
        _merge(plan, twins[plan.v1_id], rows)
    reasons = {one.booking_id: one for one in placed if one.reason is not None}
    for plan in kept:
        if plan.booking.id in reasons:
            open_conflict(reasons[plan.booking.id], plan.booking.starts_at)


def _twins(plans: list[Plan]) -> dict[str, UUID]:
    """Give the bookings that say again what another says: same customer, service and start.

    V1 let a second click through; and who was not answered in time by the one system may have
    come to the other. One that was paid for in V1 is never taken for a twin.
    """

    def key(plan: Plan) -> tuple[str, UUID, datetime]:
        booking = plan.booking
        return booking.customer_email, booking.service.id, booking.starts_at

    there = Booking.objects.filter(
        starts_at__in=[plan.booking.starts_at for plan in plans],
        status__in=[status.value for status in LIVE_STATUSES],
    ).values_list("customer_email", "service_id", "starts_at", "pk")
    known = {(email, service, starts_at): pk for email, service, starts_at, pk in there}
    twins = {}
    for plan in plans:
        if key(plan) in known and not plan.booking.paid_cents:
            twins[plan.v1_id] = known[key(plan)]
        else:
            known.setdefault(key(plan), plan.booking.id)
    return twins


def _merge(plan: Plan, into: UUID, rows: Rows) -> None:
    reason = "the same customer, service and time as another booking"
    fates = [RowFate(rows.booking_pk[plan.v1_id], RowState.MERGED, str(into), reason)]
    fates += [
        RowFate(rows.payment_pk[fate.v1_id], RowState.MERGED, str(into), "no money; of a twin")
        for fate in plan.fates
    ]
    settle_rows(fates)


def _write_beside(plans: list[Plan], rows: Rows) -> None:
    """Write money, names outside, cases and fates of bookings that are written."""
    import_payments(payments=[payment for plan in plans for payment in plan.payments])
    import_refs(refs=[ref for plan in plans for ref in plan.refs])
    fates = [
        RowFate(
            rows.booking_pk[plan.v1_id],
            RowState.IMPORTED,
            str(plan.booking.id),
            "; ".join(plan.notes),
        )
        for plan in plans
    ]
    fates += [
        RowFate(rows.payment_pk[fate.v1_id], fate.state, fate.target, fate.reason)
        for plan in plans
        for fate in plan.fates
    ]
    settle_rows(fates)
    for plan in plans:
        for repair in plan.repairs:
            open_case(
                kind=CaseKind.V1_IMPORT,
                key=f"{repair}:{plan.booking.id}",
                subject=f"booking:{plan.booking.id}",
                summary=_SUMMARIES[repair],
                repair=repair,
                booking_id=plan.booking.id,
            )


def open_conflict(placed: Placed, starts_at: datetime) -> None:
    """Call a person for an appointment of V1's that no notary can do beside the others."""
    open_case(
        kind=CaseKind.V1_CONFLICT,
        key=f"v1:{placed.booking_id}",
        subject=f"booking:{placed.booking_id}",
        summary="V1 agreed to this appointment, and no notary can do it beside the others.",
        repair="assign_or_move",
        booking_id=placed.booking_id,
        reason=placed.reason.value if placed.reason else "",
        starts_at=starts_at.isoformat(),
    )

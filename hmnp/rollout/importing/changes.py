"""What V1 has changed since its rows were taken over, one booking at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from hmnp.rollout.importing.fates import settle_row, waiting
from hmnp.rollout.importing.following import follow_booking, follow_payment
from hmnp.rollout.models import V1Row
from hmnp.rollout.states import RowState, Table
from hmnp.rollout.v1 import context as contexts

_HERE = (RowState.IMPORTED.value, RowState.MERGED.value, RowState.CHANGED.value)


def follow_changes(*, now: datetime, progress: Callable[[str, int, int], None]) -> int:
    """Follow every changed booking, and money that came after its booking; give how many."""
    context = contexts.load(now=now)
    changed = V1Row.objects.filter(state=RowState.CHANGED.value)
    # Money first: what a change of status means may hang on it.
    late = waiting(Table.PAYMENT).filter(
        parent_id__in=V1Row.objects.filter(table=Table.BOOKING.value, state__in=_HERE).values(
            "v1_id"
        )
    )
    payments = [*late, *changed.filter(table=Table.PAYMENT.value).order_by("pk")]
    bookings = list(changed.filter(table=Table.BOOKING.value).order_by("pk"))
    total = len(payments) + len(bookings)
    for done, kept in enumerate(payments, start=1):
        follow_payment(kept=kept, now=now)
        progress("changes", done, total)
    for done, kept in enumerate(bookings, start=len(payments) + 1):
        follow_booking(kept=kept, context=context)
        progress("changes", done, total)
    # What our staff keep by now is theirs: a service, a code or a notary is not overwritten.
    for kept in changed.exclude(table__in=[Table.BOOKING.value, Table.PAYMENT.value]):
        settle_row(kept.pk, state=RowState.MERGED, target=kept.target, reason="ours is kept")
    return total

"""What was paid and what went back, derived from the books alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, Q, Sum

from payments.books import LedgerEntry
from payments.states import Account


@dataclass(frozen=True)
class Sums:
    """Cents that came and cents that went back."""

    paid_cents: int
    refunded_cents: int


NOTHING = Sums(paid_cents=0, refunded_cents=0)
_CAME = Sum(-F("amount_cents"), filter=Q(refund__isnull=True), default=0)
_WENT = Sum("amount_cents", filter=Q(refund__isnull=False), default=0)


def sums_of_payments(*, payment_ids: Iterable[UUID]) -> dict[UUID, Sums]:
    """Give each payment's sums; one without a movement is left out."""
    rows = (
        LedgerEntry.objects.filter(account=Account.CUSTOMER.value, payment__in=list(payment_ids))
        .order_by()
        .values("payment")
        .annotate(came=_CAME, went=_WENT)
    )
    return {row["payment"]: Sums(row["came"], row["went"]) for row in rows}


def sums_of_bookings(*, booking_ids: Iterable[UUID]) -> dict[UUID, Sums]:
    """Give each booking's sums; a charge beside another one that paid is none of a booking's."""
    rows = (
        LedgerEntry.objects.filter(
            account=Account.CUSTOMER.value,
            payment__booking__in=list(booking_ids),
            payment__is_duplicate=False,
        )
        .order_by()
        .values("payment__booking")
        .annotate(came=_CAME, went=_WENT)
    )
    return {row["payment__booking"]: Sums(row["came"], row["went"]) for row in rows}

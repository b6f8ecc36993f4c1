"""The only place in this app that locks: notaries → booking (below us) → payment → refund."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from bookings.locks import lock_booking, lock_claim
from bookings.models import Booking, SlotClaim
from hmnp.core.errors import NotFound
from hmnp.core.transactions import RollBackAndRetry
from payments.models import Payment, Refund

# First key of the two-part advisory lock under which one process works on one row.
_ROWS = 3


@contextmanager
def alone_with(row_id: UUID) -> Iterator[bool]:
    """Keep other processes off a row while the network or several transactions are needed for it.

    Without waiting: False when another one has it, and may be relied on to go on. The same
    connection may take a row again. Nothing would go wrong without it, only twice.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [_ROWS, str(row_id)])
        is_mine = bool(cursor.fetchone()[0])
    try:
        yield is_mine
    finally:
        if is_mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [_ROWS, str(row_id)])


@dataclass
class LockedPayment:
    """A payment under its row lock, with what it pays for under theirs.

    `claim` is the booking's live claim; while there is no booking, the payment's own, live or not.
    """

    payment: Payment
    booking: Booking | None
    claim: SlotClaim | None


@dataclass
class LockedClaim:
    """A claim under its notary's lock, its booking under its row lock, its payments under theirs.

    Newest payment first.
    """

    claim: SlotClaim
    booking: Booking | None
    payments: list[Payment]


def booking_counting(locked: LockedPayment) -> Booking | None:
    """Give the booking whose sums count a payment; a duplicate's are its own affair."""
    return None if locked.payment.is_duplicate else locked.booking


def lock_payment(*, payment_id: UUID) -> LockedPayment:
    """Lock what a payment pays for, then the payment.

    Raises `NotFound`, and `RollBackAndRetry` when a booking took it over meanwhile.
    """
    seen = Payment.objects.only("booking_id", "claim_id").filter(pk=payment_id).first()
    if seen is None:
        raise NotFound
    booking, claim = None, None
    if seen.booking_id is not None:
        locked = lock_booking(booking_id=seen.booking_id)
        booking, claim = locked.booking, locked.claim
    elif seen.claim_id is not None:
        claim = lock_claim(claim_id=seen.claim_id)
    payment = Payment.objects.select_for_update().get(pk=payment_id)
    if payment.booking_id != seen.booking_id:
        raise RollBackAndRetry
    return LockedPayment(payment=payment, booking=booking, claim=claim)


def lock_claim_with_payments(*, claim_id: UUID) -> LockedClaim:
    """Lock a claim, its booking if a booking has it, and what was asked for it.

    Raises `HoldNotFound`, and `RollBackAndRetry` when a booking took it over meanwhile.
    """
    before = SlotClaim.objects.only("booking_id").filter(pk=claim_id).first()
    seen = before.booking_id if before is not None else None
    booking = None
    if seen is None:
        claim = lock_claim(claim_id=claim_id)
    else:
        locked = lock_booking(booking_id=seen)
        booking = locked.booking
        # Not the booking's live claim any more: it has ended, and nobody will change it.
        claim = locked.claim or SlotClaim.objects.get(pk=claim_id)
        if claim.pk != claim_id:
            claim = SlotClaim.objects.get(pk=claim_id)
    if claim.booking_id != seen:
        raise RollBackAndRetry
    return LockedClaim(
        claim=claim, booking=booking, payments=lock_payments_of_claim(claim_id=claim_id)
    )


def lock_payments_of_claim(*, claim_id: UUID) -> list[Payment]:
    """Lock every payment asked for a claim whose notary is locked; newest first."""
    return list(
        Payment.objects.select_for_update().filter(claim_id=claim_id).order_by("-created_at", "id")
    )


def lock_payments_of_booking(*, booking_id: UUID) -> list[Payment]:
    """Lock every payment of a booking whose row is locked; newest first."""
    return list(
        Payment.objects.select_for_update()
        .filter(booking_id=booking_id)
        .order_by("-created_at", "id")
    )


def lock_refund(*, refund_id: UUID) -> tuple[LockedPayment, Refund]:
    """Lock a refund after its payment and what that pays for. Raises `NotFound`."""
    payment_id = Refund.objects.filter(pk=refund_id).values_list("payment_id", flat=True).first()
    if payment_id is None:
        raise NotFound
    locked = lock_payment(payment_id=payment_id)
    return locked, Refund.objects.select_for_update().get(pk=refund_id)

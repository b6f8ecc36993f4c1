"""From which moment on V2 tells customers and outside systems about V1's bookings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from bookings.actions.hand_over import hand_over
from bookings.models import Booking
from bookings.states import LIVE_STATUSES
from hmnp.core import transactions
from hmnp.core.context import SYSTEM
from integrations import outbox
from integrations.needs import sync_needs
from services.definitions import IntegrationName


def tell_from_here(*, now: datetime) -> Iterator[UUID]:
    """Take every booking to come from V1, one transaction each, and bring the outside up to date.

    What V1 called it outside is known, so that its contact and event are taken on, not made
    again. The customer is told nothing: reminders are ours from now on.
    """
    for booking_id in _to_come(is_told_elsewhere=True):
        if transactions.run(lambda pk=booking_id: _take(pk, now)):  # type: ignore[misc]  # bound in its own turn
            yield booking_id


def _take(booking_id: UUID, now: datetime) -> bool:
    booking = hand_over(booking_id=booking_id, is_told_elsewhere=False, actor=SYSTEM, now=now)
    if booking is None:
        return False
    for need in sync_needs(booking=booking, names=tuple(IntegrationName)):
        outbox.enqueue_sync(
            destination=need.destination,
            booking_id=booking.pk,
            version=booking.version,
            policy=need.policy,
        )
    return True


def tell_from_v1(*, now: datetime) -> Iterator[UUID]:
    """Give them back: V1 reminds its customers again. Jobs that are written still go out."""

    def work(booking_id: UUID) -> bool:
        found = hand_over(booking_id=booking_id, is_told_elsewhere=True, actor=SYSTEM, now=now)
        return found is not None

    for booking_id in _to_come(is_told_elsewhere=False):
        if transactions.run(lambda pk=booking_id: work(pk)):  # type: ignore[misc]  # bound in its own turn
            yield booking_id


def _to_come(*, is_told_elsewhere: bool) -> list[UUID]:
    return list(
        Booking.objects.filter(
            imported_at__isnull=False,
            is_told_elsewhere=is_told_elsewhere,
            status__in=[status.value for status in LIVE_STATUSES],
        )
        .order_by("starts_at")
        .values_list("pk", flat=True)
    )

"""An outside system does not hold what it should: put it right, or call a person."""

from __future__ import annotations

from uuid import UUID

from bookings.models import Booking
from hmnp.core import transactions
from hmnp.core.cases import CaseKind, open_case
from integrations import outbox
from integrations.differences import Difference, Repair
from integrations.needs import sync_needs
from integrations.routes import EVERYWHERE
from integrations.states import Destination


def repair(*, difference: Difference) -> None:
    """Write the job that puts a difference right, or call a person."""

    def work() -> None:
        if difference.repair is Repair.RESYNC and difference.booking_id is not None:
            _resync(difference.system, difference.booking_id)
        else:
            open_case(
                kind=CaseKind.OUTSIDE_MISMATCH,
                key=f"{difference.system}:{difference.external_id}"[:120],
                subject=f"{difference.system}:{difference.external_id}"[:120],
                booking_id=difference.booking_id,
                summary=difference.what[:300],
                repair="",
            )

    transactions.run(work)


def _resync(system: Destination, booking_id: UUID) -> None:
    booking = Booking.objects.get(pk=booking_id)
    for need in sync_needs(booking=booking, names=EVERYWHERE):
        if need.destination is system:
            outbox.enqueue_sync(
                destination=need.destination,
                booking_id=booking.pk,
                version=booking.version,
                policy=need.policy,
            )

"""What a booking's notaries must hear of a fact: a job that is new, changed, or no more theirs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bookings.events import (
    BookingAssigned,
    BookingCancelled,
    BookingConfirmed,
    BookingRescheduled,
    BookingUpdated,
)
from bookings.models import Booking, Notary
from integrations.states import MessageKind
from integrations.timings import start_key


@dataclass(frozen=True)
class News:
    """One mail to one notary; `occurrence_id` names the start that was lost."""

    kind: MessageKind
    recipient: str
    occurrence_id: str = ""


def news(*, event: Any, booking: Booking) -> list[News]:
    """Give the mails that a fact about a booking that stands, or stood, asks for."""
    if booking.confirmed_at is None:
        return []
    return list(_news(event, booking))


def _news(event: Any, booking: Booking) -> Iterator[News]:
    present = booking.notary
    match event:
        case BookingConfirmed() if present:
            yield News(MessageKind.NOTARY_JOB, present.email)
        case BookingUpdated() if present:
            yield News(MessageKind.NOTARY_CHANGE, present.email)
        case BookingCancelled() if present:
            yield News(MessageKind.NOTARY_GONE, present.email, start_key(booking.starts_at))
        case BookingAssigned(previous_notary_id=previous_id):
            yield from _handed_over(booking, previous_id, start_key(booking.starts_at))
        case BookingRescheduled(previous_notary_id=previous_id, previous_starts_at=starts_at):
            if previous_id is not None and previous_id != booking.notary_id:
                yield from _handed_over(booking, previous_id, start_key(starts_at))
            elif present:
                yield News(MessageKind.NOTARY_CHANGE, present.email)


def _handed_over(booking: Booking, previous_id: int | None, start: str) -> Iterator[News]:
    previous = Notary.objects.get(pk=previous_id) if previous_id is not None else None
    # A waiting place is nobody.
    if previous is not None and not previous.email.endswith(".invalid"):
        yield News(MessageKind.NOTARY_GONE, previous.email, start)
    if booking.notary is not None:
        yield News(MessageKind.NOTARY_JOB, booking.notary.email)

"""Remove a document a customer took back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.core.files.storage import default_storage

from bookings import locks, timeline
from bookings.errors import InvalidStatusTransition
from bookings.events import DocumentsChanged
from bookings.models import BookingDocument
from bookings.models.booking import DocumentStatus
from bookings.states import BookingStatus, TimelineAction
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.errors import NotFound
from hmnp.core.events import emit

_OPEN = (BookingStatus.PENDING_PAYMENT, BookingStatus.CONFIRMED)


def delete_document(*, booking_id: UUID, document_id: UUID, actor: Actor, now: datetime) -> None:
    """Mark it deleted, then remove the file. Raises `NotFound`, `InvalidStatusTransition`."""

    def work() -> BookingDocument:
        booking = locks.lock_booking(booking_id=booking_id).booking
        document = booking.files.filter(pk=document_id, status=DocumentStatus.STORED).first()
        if document is None:
            raise NotFound
        if booking.status not in _OPEN:
            raise InvalidStatusTransition
        kept = booking.files.filter(status=DocumentStatus.STORED).count()
        document.status = DocumentStatus.DELETED
        document.save(update_fields=["status"])
        timeline.apply(
            booking=booking,
            action=TimelineAction.UPDATED,
            actor=actor,
            now=now,
            changes={},
            beside={"files": (kept, kept - 1)},
            metadata={"documentRemoved": document_id},
        )
        emit(DocumentsChanged(booking_id=booking.pk, version=booking.version, actor=actor))
        return document

    document = transactions.run(work)
    default_storage.delete(document.storage_name)

"""Forget documents whose time is over."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.files.storage import default_storage
from django.db.models import Q

from bookings.models import BookingDocument
from bookings.models.booking import DocumentStatus
from bookings.states import BookingStatus

KEEP = timedelta(days=30)

_ENDED = (
    BookingStatus.COMPLETED,
    BookingStatus.CANCELLED,
    BookingStatus.NO_SHOW,
    BookingStatus.EXPIRED,
)


def purge_documents(*, now: datetime, limit: int = 500) -> int:
    """Delete files 30 days after their appointment ended, and any left of a deleted row.

    The row stays, without content; a crash in between is finished by the next run. Gives how
    many were removed.
    """
    due = BookingDocument.objects.exclude(storage_name="").filter(
        Q(booking__status__in=_ENDED, booking__ends_at__lt=now - KEEP)
        | Q(status=DocumentStatus.DELETED)
    )
    count = 0
    for document in due[:limit]:
        default_storage.delete(document.storage_name)
        document.status = DocumentStatus.DELETED
        document.storage_name = ""
        document.save(update_fields=["status", "storage_name"])
        count += 1
    return count

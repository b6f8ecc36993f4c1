"""Keep a PDF for a remote session."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID, uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile

from bookings import locks, timeline
from bookings.errors import InvalidStatusTransition
from bookings.events import DocumentsChanged
from bookings.models import BookingDocument
from bookings.models.booking import DocumentStatus
from bookings.states import BookingStatus, TimelineAction
from hmnp.core import transactions
from hmnp.core.context import Actor
from hmnp.core.errors import Fault, PayloadTooLarge, ValidationFailed
from hmnp.core.events import emit
from hmnp.core.idempotency import Idempotency
from services.definitions import ServiceType

# Proof takes 30 MB a document.
LARGEST = 30 * 1024 * 1024
MOST_DOCUMENTS = 20

_OPEN = (BookingStatus.PENDING_PAYMENT, BookingStatus.CONFIRMED)


def store_document(
    *,
    booking_id: UUID,
    upload: UploadedFile[bytes],
    actor: Actor,
    now: datetime,
    idempotency: Idempotency | None = None,
) -> BookingDocument:
    """Store the file outside the web root, then its row; a file without a row is never read.

    Raises `PayloadTooLarge`, `ValidationFailed` when it is not a PDF or the service is not
    remote, `InvalidStatusTransition` once the appointment has begun or ended, and what
    `Idempotency.begin` raises.
    """
    if (upload.size or 0) > LARGEST:
        raise PayloadTooLarge("A document may have at most 30 MB.")
    content = upload.read()
    if not _is_pdf(content):
        raise ValidationFailed(Fault("file", "not_a_pdf", "This is not a PDF document."))
    document_id = uuid4()
    name = default_storage.save(f"documents/{booking_id}/{document_id}.pdf", ContentFile(content))

    def work() -> BookingDocument:
        if idempotency:
            idempotency.begin()
        booking = locks.lock_booking(booking_id=booking_id).booking
        if booking.service.type != ServiceType.RON:
            raise ValidationFailed(
                Fault("file", "not_accepted", "Only online appointments take documents.")
            )
        if booking.status not in _OPEN:
            raise InvalidStatusTransition
        kept = booking.files.filter(status=DocumentStatus.STORED).count()
        if kept >= MOST_DOCUMENTS:
            raise ValidationFailed(
                Fault("file", "too_many", f"A session takes at most {MOST_DOCUMENTS} documents.")
            )
        document = BookingDocument.objects.create(
            id=document_id,
            booking=booking,
            filename=_safe_name(upload.name or ""),
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            storage_name=name,
            uploaded_at=now,
        )
        # The version rises with the documents: what is held outside is compared by it.
        timeline.apply(
            booking=booking,
            action=TimelineAction.UPDATED,
            actor=actor,
            now=now,
            changes={},
            beside={"files": (kept, kept + 1)},
            metadata={"documentAdded": document_id},
        )
        emit(DocumentsChanged(booking_id=booking.pk, version=booking.version, actor=actor))
        if idempotency:
            idempotency.finish(document)
        return document

    try:
        return transactions.run(work)
    except Exception:
        # Whatever undid the row, nobody will ever read the file.
        default_storage.delete(name)
        raise


def _is_pdf(content: bytes) -> bool:
    """Tell whether this is a PDF: its header at the start, its end-of-file marker near the end."""
    return content.startswith(b"%PDF-") and b"%%EOF" in content[-2048:]


def _safe_name(name: str) -> str:
    """Give the file's name as we show it: no path, no control characters, ending in .pdf."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(char for char in base if char.isprintable())[:190].strip(" .")
    if not printable.lower().endswith(".pdf"):
        printable = f"{printable or 'document'}.pdf"
    return printable

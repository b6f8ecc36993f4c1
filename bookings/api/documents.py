"""Documents for a remote session over the API."""

from __future__ import annotations

import hashlib
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from bookings.actions.delete_document import delete_document
from bookings.actions.store_document import LARGEST, store_document
from bookings.api.lookup import BOOKING_ID, visible_booking
from bookings.api.schemas import (
    DocumentListSerializer,
    DocumentSerializer,
    DocumentUploadSerializer,
)
from bookings.models import BookingDocument
from bookings.models.booking import DocumentStatus
from bookings.presenters import document_body
from hmnp.accounts.permissions import Access, ByTable
from hmnp.accounts.principals import principal_of
from hmnp.core.api.keyed import IDEMPOTENCY_KEY, Keyed
from hmnp.core.api.schema import errors
from hmnp.core.api.views import ApiViewSet
from hmnp.core.errors import Fault, NotFound, PayloadTooLarge, ValidationFailed
from hmnp.core.idempotency import Answer

# The multipart envelope around the file itself.
_ENVELOPE = 64 * 1024
_WRITE = Access(customer=True, scope="bookings:write")


class DocumentViewSet(ApiViewSet):
    """The PDFs of one booking."""

    permission_classes = [ByTable]
    parser_classes = [MultiPartParser]
    access = {
        "list": Access(customer=True, scope="bookings:read"),
        "create": _WRITE,
        "destroy": _WRITE,
    }
    lookup_url_kwarg = "document_id"

    @extend_schema(
        operation_id="listBookingDocuments",
        summary="The documents of a booking",
        parameters=[BOOKING_ID],
        responses={200: DocumentListSerializer, **errors(401, 403, 404)},
    )
    def list(self, request: Request, booking_id: str) -> Response:
        """Answer the documents that are kept."""
        booking = visible_booking(request, booking_id)
        kept = booking.files.filter(status=DocumentStatus.STORED).order_by("uploaded_at", "id")
        return Response({"data": [document_body(one) for one in kept], "nextCursor": None})

    @extend_schema(
        operation_id="uploadBookingDocument",
        summary="Add a PDF of at most 30 MB",
        parameters=[BOOKING_ID, IDEMPOTENCY_KEY],
        request={"multipart/form-data": DocumentUploadSerializer},
        responses={201: DocumentSerializer, **errors(400, 401, 403, 404, 409, 413, 422)},
    )
    def create(self, request: Request, booking_id: str) -> Response:
        """Store the file."""
        booking = visible_booking(request, booking_id)
        if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST + _ENVELOPE:
            raise PayloadTooLarge("A document may have at most 30 MB.")
        upload = request.FILES.get("file")
        if not isinstance(upload, UploadedFile) or len(request.FILES) != 1:
            raise ValidationFailed(Fault("file", "required", "Send one PDF named file."))
        principal = principal_of(request)

        def work(keyed: Keyed) -> Response:
            idempotency = keyed.with_render(_stored)
            document = store_document(
                booking_id=booking.pk,
                upload=upload,
                actor=principal.actor,
                now=timezone.now(),
                idempotency=idempotency,
            )
            return keyed.respond(document, _stored, idempotency)

        body = _fingerprinted(upload) if "Idempotency-Key" in request.headers else ""
        return Keyed.of(request, principal_key=principal.key, body=body).run(work)

    @extend_schema(
        operation_id="deleteBookingDocument",
        summary="Take a document back",
        parameters=[BOOKING_ID, OpenApiParameter("document_id", UUID, OpenApiParameter.PATH)],
        responses={204: None, **errors(401, 403, 404, 409)},
    )
    def destroy(self, request: Request, booking_id: str, document_id: str) -> Response:
        """Remove the file."""
        booking = visible_booking(request, booking_id)
        try:
            pk = UUID(document_id)
        except ValueError:
            raise NotFound from None
        delete_document(
            booking_id=booking.pk,
            document_id=pk,
            actor=principal_of(request).actor,
            now=timezone.now(),
        )
        return Response(status=204)


def _stored(document: BookingDocument) -> Answer:
    return Answer(status=201, body=document_body(document))


def _fingerprinted(upload: UploadedFile[bytes]) -> dict[str, str]:
    """Give what makes two uploads the same: the name and every byte."""
    digest = hashlib.sha256()
    for chunk in upload.chunks():
        digest.update(chunk)
    upload.seek(0)
    return {"name": upload.name or "", "sha256": digest.hexdigest()}

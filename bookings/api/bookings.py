"""Bookings over the API: make, read, change, cancel."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from bookings import holders, ics, queries
from bookings.actions.cancel_booking import cancel_booking, preview_cancellation
from bookings.actions.create_booking import create_booking
from bookings.actions.update_booking import update_booking
from bookings.api.asked import asked_booking, asked_changes, naming
from bookings.api.listing import bookings_page
from bookings.api.lookup import BOOKING_ID, IF_MATCH, expected_version, visible_booking
from bookings.api.schemas import (
    BookingListSerializer,
    BookingSerializer,
    CancellationPreviewSerializer,
    CreatedBookingSerializer,
    TimelineSerializer,
)
from bookings.api.serializers import (
    BookingCreateSerializer,
    BookingListQuerySerializer,
    BookingPatchSerializer,
    CancelQuerySerializer,
    CustomerSerializer,
)
from bookings.models import Booking
from bookings.presenters import booking_body, etag, event_body, settlement_body
from hmnp.accounts.permissions import Access, ByTable
from hmnp.accounts.principals import Kind, principal_of
from hmnp.core import tokens
from hmnp.core.api.examples import INVALID, PLACE, STARTS, TAKEN, sent
from hmnp.core.api.keyed import IDEMPOTENCY_KEY, Keyed
from hmnp.core.api.schema import LOCATION, errors, etag_of
from hmnp.core.api.validation import read
from hmnp.core.api.views import ApiViewSet, repeated_faults
from hmnp.core.errors import ValidationFailed
from hmnp.core.idempotency import Answer, Secret
from hmnp.core.limits import Action

_ADA = {
    "customerName": "Ada Customer",
    "customerEmail": "ada@example.com",
    "customerPhone": "(713) 555-0123",
    "scheduledDateTime": STARTS,
}
_READ = Access(customer=True, scope="bookings:read")
_WRITE = Access(customer=True, scope="bookings:write")
_PLACE = {"zip": "address.zip"}


class BookingViewSet(ApiViewSet):
    """A customer's one booking, a partner's own, all for staff."""

    permission_classes = [ByTable]
    access = {
        "list": Access(scope="bookings:read"),
        "create": Access(anonymous=True, scope="bookings:write"),
        "retrieve": _READ,
        "update": _WRITE,
        "partial_update": _WRITE,
        "destroy": _WRITE,
        "cancellation": _READ,
        "events": _READ,
        "calendar": _READ,
    }
    limits = {"create": Action.BOOKING}
    lookup_url_kwarg = "booking_id"
    lookup_value_regex = "[^/.]+"

    @extend_schema(
        operation_id="listBookings",
        summary="Bookings in the order of their last change",
        parameters=[BookingListQuerySerializer],
        responses={200: BookingListSerializer, **errors(400, 401, 403)},
    )
    def list(self, request: Request) -> Response:
        """Answer a page; staff see all, a partner its own."""
        values, faults = read(BookingListQuerySerializer, request.query_params.dict())
        faults += repeated_faults(request.query_params)
        if faults:
            raise ValidationFailed(*faults)
        return Response(bookings_page(principal=principal_of(request), values=values))

    @extend_schema(
        operation_id="createBooking",
        summary="Book",
        parameters=[IDEMPOTENCY_KEY, LOCATION, etag_of(201)],
        request=BookingCreateSerializer,
        examples=[
            sent(
                "A notary who comes",
                {
                    "serviceId": "standard-notary",
                    **_ADA,
                    "address": PLACE,
                    "signers": 2,
                    "specialInstructions": "Gate code 1836.",
                    "termsAccepted": True,
                },
            ),
            sent("Online", {"serviceId": "ron", **_ADA, "termsAccepted": True, "locale": "es"}),
            INVALID,
            TAKEN,
        ],
        responses={
            201: OpenApiResponse(CreatedBookingSerializer, "Booked; `Location` names it."),
            **errors(400, 403, 404, 409, 410, 422, 429, 503),
        },
    )
    def create(self, request: Request) -> Response:
        """Book from a hold, or claim the time in the same transaction."""
        now = timezone.now()
        principal = principal_of(request)

        def work(keyed: Keyed) -> Response:
            asked = asked_booking(body=request.data, principal=principal, now=now)
            idempotency = keyed.with_render(_created)
            with naming(_PLACE):
                booking = create_booking(
                    request=asked,
                    holder=holders.holder_of(principal),
                    actor=principal.actor,
                    now=now,
                    idempotency=idempotency,
                )
            return keyed.respond(booking, _created, idempotency)

        return Keyed.of(request, principal_key=principal.key).run(work, looks_first=False)

    @extend_schema(
        operation_id="getBooking",
        summary="One booking",
        parameters=[BOOKING_ID, etag_of(200)],
        responses={200: BookingSerializer, **errors(401, 403, 404)},
    )
    def retrieve(self, request: Request, booking_id: str) -> Response:
        """Answer the booking with its `ETag`."""
        return _answer(visible_booking(request, booking_id))

    @extend_schema(
        operation_id="replaceBooking",
        summary="Replace what may be edited; another time or address is a move",
        parameters=[BOOKING_ID, IF_MATCH, etag_of(200)],
        request=CustomerSerializer,
        examples=[sent("All of it", _ADA)],
        responses={200: BookingSerializer, **errors(400, 401, 403, 404, 409, 412, 422, 503)},
    )
    def update(self, request: Request, booking_id: str) -> Response:
        """Replace the editable part."""
        return _change(request, booking_id, is_whole=True)

    @extend_schema(
        operation_id="changeBooking",
        summary="Change some of what may be edited; another time or address is a move",
        parameters=[BOOKING_ID, IF_MATCH, etag_of(200)],
        request=BookingPatchSerializer,
        examples=[
            sent("Another time", {"scheduledDateTime": "2027-03-03T14:00:00-06:00"}),
            sent("Another e-mail", {"customerEmail": "ada.c@example.com"}),
        ],
        responses={200: BookingSerializer, **errors(400, 401, 403, 404, 409, 412, 422, 503)},
    )
    def partial_update(self, request: Request, booking_id: str) -> Response:
        """Merge into the editable part."""
        return _change(request, booking_id, is_whole=False)

    @extend_schema(
        operation_id="cancelBooking",
        summary="Cancel; the booking stays and says what goes back",
        parameters=[BOOKING_ID, IF_MATCH, CancelQuerySerializer, etag_of(200)],
        responses={200: BookingSerializer, **errors(400, 401, 403, 404, 409, 412, 503)},
    )
    def destroy(self, request: Request, booking_id: str) -> Response:
        """Cancel; again gives the same."""
        booking = visible_booking(request, booking_id)
        values, faults = read(CancelQuerySerializer, request.query_params.dict())
        if faults:
            raise ValidationFailed(*faults)
        cancelled = cancel_booking(
            booking_id=booking.pk,
            reason=values["reason"],
            actor=principal_of(request).actor,
            now=timezone.now(),
            expected_version=expected_version(request, booking),
        )
        return _answer(cancelled)

    @extend_schema(
        operation_id="previewCancellation",
        summary="What cancelling now would keep and give back; nothing is changed",
        parameters=[BOOKING_ID, etag_of(200)],
        responses={200: CancellationPreviewSerializer, **errors(401, 403, 404, 409)},
    )
    @action(detail=True, methods=["get"])
    def cancellation(self, request: Request, booking_id: str) -> Response:
        """Answer the preview with the booking's `ETag`, for an `If-Match` of the cancelling."""
        booking = visible_booking(request, booking_id)
        settlement = preview_cancellation(
            booking=booking, actor=principal_of(request).actor, now=timezone.now()
        )
        return Response(settlement_body(settlement), headers={"ETag": etag(booking)})

    @extend_schema(
        operation_id="listBookingEvents",
        summary="What happened to a booking",
        parameters=[BOOKING_ID],
        responses={200: TimelineSerializer, **errors(401, 403, 404)},
    )
    @action(detail=True, methods=["get"])
    def events(self, request: Request, booking_id: str) -> Response:
        """Answer the timeline, oldest first."""
        booking = visible_booking(request, booking_id)
        for_staff = principal_of(request).kind is Kind.STAFF
        events = booking.timeline.order_by("seq")
        return Response(
            {"data": [event_body(one, for_staff=for_staff) for one in events], "nextCursor": None}
        )

    @extend_schema(
        operation_id="getBookingCalendarFile",
        summary="The appointment as a calendar file",
        parameters=[BOOKING_ID],
        responses={(200, "text/calendar"): OpenApiTypes.BINARY, **errors(401, 403, 404)},
    )
    @action(detail=True, methods=["get"], url_path="calendar.ics")
    def calendar(self, request: Request, booking_id: str) -> HttpResponse:
        """Answer an iCalendar file."""
        booking = visible_booking(request, booking_id)
        return HttpResponse(
            ics.calendar_file(booking=booking, now=timezone.now()),
            content_type="text/calendar; charset=utf-8",
            headers={
                "Cache-Control": "no-store",
                "Content-Disposition": f'attachment; filename="{booking.reference}.ics"',
            },
        )


def _created(booking: Booking) -> Answer:
    # As it is about to be written, or as it was.
    fresh = booking if booking.shown else queries.with_relations().get(pk=booking.pk)
    return Answer(
        status=201,
        body={"booking": booking_body(fresh)},
        headers={"Location": f"/api/v2/bookings/{booking.pk}", "ETag": etag(fresh)},
        secrets=(
            Secret(
                field="accessToken",
                purpose=tokens.ACCESS,
                subject_id=booking.pk,
                generation=booking.access_generation,
                key_id=booking.access_key_id,
            ),
        ),
    )


def _answer(booking: Booking) -> Response:
    fresh = queries.with_relations().get(pk=booking.pk)
    return Response(booking_body(fresh), headers={"ETag": etag(fresh)})


def _change(request: Request, booking_id: str, *, is_whole: bool) -> Response:
    now = timezone.now()
    booking = visible_booking(request, booking_id)
    version = expected_version(request, booking)
    changes = asked_changes(body=request.data, booking=booking, is_whole=is_whole, now=now)
    with naming(_PLACE):
        changed = update_booking(
            booking_id=booking.pk,
            changes=changes,
            actor=principal_of(request).actor,
            now=now,
            expected_version=version,
        )
    return _answer(changed)

"""From an id in the path to a booking the caller may see, and the version it last read."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from bookings import queries
from bookings.models import Booking
from bookings.presenters import etag
from hmnp.accounts.principals import principal_of
from hmnp.core.errors import NotFound, PreconditionFailed

BOOKING_ID = OpenApiParameter("booking_id", UUID, OpenApiParameter.PATH)
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The `ETag` you read; a stale one is refused with 412.",
)


def visible_booking(request: Request, booking_id: str) -> Booking:
    """Give the booking the path names. Raises `Unauthenticated` and `NotFound`."""
    try:
        pk = UUID(booking_id)
    except ValueError:
        raise NotFound from None
    return queries.get_visible(principal=principal_of(request), booking_id=pk, now=timezone.now())


def expected_version(request: Request, booking: Booking) -> int | None:
    """Give the version `If-Match` names, None without one. Raises `PreconditionFailed`."""
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    if etag(booking) not in parse_etags(header):
        raise PreconditionFailed
    return booking.version

"""Pages of bookings that stay stable while bookings are added and changed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from bookings import queries
from bookings.models import Booking
from bookings.presenters import booking_body
from hmnp.accounts.principals import Principal
from hmnp.core.errors import Fault, ValidationFailed
from hmnp.core.times import midnight
from services.catalogue import get_service
from services.errors import InvalidService


def bookings_page(*, principal: Principal, values: Mapping[str, Any]) -> dict[str, Any]:
    """Give up to `limit` bookings after the cursor, ordered by last change and id.

    Raises `ValidationFailed` for a cursor that is not ours, `InvalidService`.
    """
    zone = ZoneInfo(settings.BUSINESS_TIME_ZONE)
    bookings = queries.visible_to(principal).order_by("updated_at", "id")
    if status := values.get("status"):
        bookings = bookings.filter(status=status)
    if service_name := values.get("serviceId"):
        service = get_service(id_or_slug=service_name)
        if service is None:
            raise InvalidService(field="serviceId")
        bookings = bookings.filter(service_id=service.id)
    if first_day := values.get("dateFrom"):
        bookings = bookings.filter(starts_at__gte=midnight(first_day, zone=zone))
    if last_day := values.get("dateTo"):
        end = midnight(last_day + timedelta(days=1), zone=zone)
        bookings = bookings.filter(starts_at__lt=end)
    if since := values.get("updatedSince"):
        bookings = bookings.filter(updated_at__gte=since)
    if cursor := values.get("cursor"):
        updated_at, pk = _read(cursor)
        bookings = bookings.filter(
            Q(updated_at__gt=updated_at) | Q(updated_at=updated_at, pk__gt=pk)
        )
    limit = values["limit"]
    page = list(bookings[: limit + 1])
    return {
        "data": [booking_body(booking) for booking in page[:limit]],
        "nextCursor": _write(page[limit - 1]) if len(page) > limit else None,
    }


def _write(booking: Booking) -> str:
    text = f"{booking.updated_at.astimezone(UTC).isoformat()}|{booking.pk.hex}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[datetime, UUID]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.urlsafe_b64decode(padded.encode()).decode()
        updated_at, _, pk = text.partition("|")
        instant = datetime.fromisoformat(updated_at)
        if instant.tzinfo is None:
            raise ValueError(updated_at)
        return instant, UUID(hex=pk)
    except (ValueError, binascii.Error):
        raise ValidationFailed(
            Fault("cursor", "invalid", "This cursor is not one of ours.")
        ) from None

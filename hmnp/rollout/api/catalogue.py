"""V1's services and free times, answered from V2's calendar, which holds V1's bookings too."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from bookings.slots import Slot, free_slots
from hmnp.accounts.permissions import Access
from hmnp.core.errors import Fault, ValidationFailed
from hmnp.core.limits import Action
from hmnp.core.times import rfc3339
from hmnp.rollout.api import shapes
from hmnp.rollout.api.base import V1ViewSet
from hmnp.rollout.lookup import service_of
from hmnp.rollout.states import Capability
from services.errors import InvalidService
from services.models import Service

_OPEN = Access(anonymous=True, customer=True)


class V1CatalogueViewSet(V1ViewSet):
    """GET /api/services and /api/availability."""

    access = {"services": _OPEN, "availability": _OPEN}
    limits = {"availability": Action.AVAILABILITY}
    capabilities = {
        "services": Capability.AVAILABILITY,
        "availability": Capability.AVAILABILITY,
    }

    def services(self, request: Request) -> HttpResponseBase:
        """Answer the active services, grouped as V1 did."""
        theirs = self.in_v1(request)
        if theirs is not None:
            return theirs
        rows = [shapes.service_row(one) for one in Service.objects.filter(is_active=True)]
        by_type: dict[str, list[Any]] = {}
        for row in rows:
            by_type.setdefault(row["serviceType"], []).append(row)
        labels = {row["serviceType"]: row["name"] for row in rows}
        return Response(
            {
                "success": True,
                "services": {"all": rows, "byType": by_type, "typeLabels": labels},
                "meta": {"totalServices": len(rows)},
            }
        )

    def availability(self, request: Request) -> HttpResponseBase:
        """Answer a day's free times; V1 asked for no place, so without one the centre's."""
        theirs = self.in_v1(request)
        if theirs is not None:
            return theirs
        asked = request.query_params
        service = service_of(asked.dict())
        if service is None or not service.is_active:
            raise InvalidService(field="serviceId")
        try:
            day = date.fromisoformat(asked.get("date", ""))
        except ValueError:
            raise ValidationFailed(Fault("date", "invalid", "Give YYYY-MM-DD.")) from None
        zone_name = asked.get("timezone") or service.timezone.key
        if zone_name not in available_timezones():
            raise ValidationFailed(Fault("timezone", "invalid", "This is no IANA time zone."))
        zip_code = asked.get("zip") or (service.area.centre_zip if service.area else None)
        slots = free_slots(
            service=service, zip_code=zip_code, first_day=day, days=1, now=timezone.now()
        )
        zone = ZoneInfo(zone_name)
        return Response(
            {
                "date": day.isoformat(),
                "availableSlots": [_slot(slot, zone) for slot in slots],
                "serviceInfo": {"name": service.name, "duration": service.duration_minutes},
                "timezoneInfo": {"business": service.timezone.key, "client": zone_name},
            }
        )


def _slot(slot: Slot, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "startTime": shapes.iso(slot.starts_at),
        "endTime": shapes.iso(slot.ends_at),
        "clientStartTime": rfc3339(slot.starts_at, zone=zone),
        "clientEndTime": rfc3339(slot.ends_at, zone=zone),
        "available": True,
    }

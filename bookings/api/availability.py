"""Free times and holds: open to everyone."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from bookings import holders
from bookings.actions.hold_slot import Held, hold_slot
from bookings.actions.release_hold import release_hold
from bookings.api.asked import asked_hold, naming, offered_service
from bookings.api.schemas import AvailabilitySerializer, HeldSlotSerializer
from bookings.api.serializers import AvailabilityQuerySerializer, HoldSerializer
from bookings.errors import HoldNotFound
from bookings.presenters import held_body
from bookings.slots import free_slots
from hmnp.accounts.permissions import Access, ByTable
from hmnp.accounts.principals import principal_of
from hmnp.core import tokens
from hmnp.core.api.examples import INVALID, PLACE, STARTS, TAKEN, sent
from hmnp.core.api.keyed import IDEMPOTENCY_KEY, Keyed
from hmnp.core.api.schema import errors
from hmnp.core.api.validation import read
from hmnp.core.api.views import ApiViewSet, repeated_faults
from hmnp.core.errors import Fault, ValidationFailed
from hmnp.core.idempotency import Answer, Secret
from hmnp.core.limits import Action
from hmnp.core.times import rfc3339
from services.catalogue import get_service


class AvailabilityViewSet(ApiViewSet):
    """What can be held now, and holding it."""

    permission_classes = [ByTable]
    access = {
        "list": Access(anonymous=True, scope="availability:read"),
        "hold": Access(anonymous=True, scope="bookings:write"),
        "release": Access(anonymous=True, scope="bookings:write"),
    }
    limits = {"list": Action.AVAILABILITY, "hold": Action.HOLD}

    @extend_schema(
        operation_id="listAvailability",
        summary="The free times of some days",
        parameters=[AvailabilityQuerySerializer],
        responses={200: AvailabilitySerializer, **errors(400, 403, 422, 429)},
    )
    def list(self, request: Request) -> Response:
        """Answer what can really be held now."""
        values, faults = read(AvailabilityQuerySerializer(data=request.query_params.dict()))
        faults += repeated_faults(request)
        known = get_service(id_or_slug=values["serviceId"]) if "serviceId" in values else None
        service = offered_service(values, faults, principal=principal_of(request), service=known)
        zip_code = values.get("zip")
        if service is not None and "zip" not in {fault.field for fault in faults}:
            if service.is_mobile and not zip_code:
                faults.append(Fault("zip", "required", "Tell us the ZIP code we come to."))
            if not service.is_mobile and zip_code:
                faults.append(Fault("zip", "not_accepted", "An online appointment has no place."))
        zone_name = values.get("timezone")
        if zone_name is not None and zone_name not in available_timezones():
            faults.append(Fault("timezone", "invalid", "This is not an IANA time zone."))
        if service is None or faults:
            raise ValidationFailed(*faults)
        zone = ZoneInfo(zone_name) if zone_name else service.timezone
        slots = free_slots(
            service=service,
            zip_code=zip_code,
            first_day=values["date"],
            days=values["days"],
            now=timezone.now(),
        )
        return Response(
            {
                "serviceId": str(service.id),
                "timezone": zone.key,
                "date": values["date"].isoformat(),
                "days": values["days"],
                "slots": [
                    {
                        "startTime": rfc3339(slot.starts_at, zone=zone),
                        "endTime": rfc3339(slot.ends_at, zone=zone),
                    }
                    for slot in slots
                ],
            }
        )

    @extend_schema(
        operation_id="holdSlot",
        summary="Hold a time for five minutes",
        parameters=[IDEMPOTENCY_KEY],
        request=HoldSerializer,
        examples=[
            sent(
                "By ZIP code", {"serviceId": "standard-notary", "startTime": STARTS, "zip": "77573"}
            ),
            sent(
                "By address",
                {"serviceId": "loan-signing", "startTime": STARTS, "address": PLACE, "signers": 2},
            ),
            sent("Online", {"serviceId": "ron", "startTime": STARTS}),
            INVALID,
            TAKEN,
        ],
        responses={
            200: OpenApiResponse(HeldSlotSerializer, "The hold of `holdToken`, moved or resumed."),
            201: HeldSlotSerializer,
            **errors(400, 403, 404, 409, 410, 422, 429, 503),
        },
    )
    @action(detail=False, methods=["post"], url_path="hold")
    def hold(self, request: Request) -> Response:
        """Hold a time, or move or resume the hold whose token is sent."""
        now = timezone.now()
        principal = principal_of(request)

        def work(keyed: Keyed) -> Response:
            asked = asked_hold(body=request.data, principal=principal, now=now)

            def render(held: Held) -> Answer:
                clock = held.claim.held_at if held.is_new else held.claim.read_at or now
                return Answer(
                    status=201 if held.is_new else 200,
                    body=held_body(held=held, wanted=asked.wanted, now=now, server_time=clock),
                    secrets=(
                        Secret(
                            field="holdToken",
                            purpose=tokens.HOLD,
                            subject_id=held.claim.pk,
                            generation=held.claim.token_generation,
                            key_id=held.claim.token_key_id,
                        ),
                    ),
                )

            idempotency = keyed.with_render(render)
            place = "address.zip" if "address" in request.data else "zip"
            with naming({"scheduledDateTime": "startTime", "zip": place, "address.zip": place}):
                held = hold_slot(
                    request=asked,
                    holder=holders.holder_of(principal),
                    now=now,
                    idempotency=idempotency,
                )
            return keyed.respond(held, render, idempotency)

        return Keyed.of(request, principal_key=principal.key).run(work, looks_first=False)

    @extend_schema(
        operation_id="releaseHold",
        summary="Give a hold back",
        parameters=[
            OpenApiParameter("X-Hold-Token", str, OpenApiParameter.HEADER, required=True),
            OpenApiParameter("hold_id", UUID, OpenApiParameter.PATH),
        ],
        responses={204: None, **errors(404)},
    )
    @action(detail=False, methods=["delete"], url_path="hold/(?P<hold_id>[^/]+)")
    def release(self, request: Request, hold_id: str, **_: Any) -> Response:
        """Free the time at once."""
        try:
            claim_id = UUID(hold_id)
        except ValueError:
            raise HoldNotFound from None
        token = holders.verify_hold_token(
            text=request.headers.get("X-Hold-Token", ""), claim_id=claim_id
        )
        release_hold(claim_id=claim_id, token=token)
        return Response(status=204)

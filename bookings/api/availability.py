"""Free times and holds: open to everyone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from bookings import holders, slot_answers
from bookings.actions.hold_slot import Held, hold_slot
from bookings.actions.release_hold import release_hold
from bookings.api.asked import asked_hold, naming, offered_service
from bookings.api.schemas import AvailabilitySerializer, HeldSlotSerializer
from bookings.api.serializers import AvailabilityQuerySerializer, HoldSerializer
from bookings.errors import HoldNotFound
from bookings.kept_days import SLOTS
from bookings.presenters import held_body
from bookings.slot_answers import Wish
from hmnp.accounts.permissions import Access, ByTable
from hmnp.accounts.principals import Principal, principal_of
from hmnp.core import cache, tokens, versions
from hmnp.core.api.examples import INVALID, PLACE, STARTS, TAKEN, sent
from hmnp.core.api.keyed import IDEMPOTENCY_KEY, Keyed
from hmnp.core.api.schema import errors, etag_of
from hmnp.core.api.validation import read
from hmnp.core.api.views import ApiViewSet, repeated_faults
from hmnp.core.bounded import Bounded
from hmnp.core.errors import Fault, ValidationFailed
from hmnp.core.idempotency import Answer, Secret
from hmnp.core.limits import Action
from services.catalogue import Look, look

# Free times are nobody's secret, but outdated in a moment.
_ASK_AGAIN = {"Cache-Control": "private, no-cache"}
_TAG = re.compile(r'"([0-9a-f]+)-([0-9]+)"')


@dataclass(frozen=True)
class _WholeAnswer:
    """An answer as it went out, while the versions are `written` so and the clocks let it stand."""

    written: str
    tag: str
    body: bytes
    days: int
    next_expiry: float
    next_edge: float

    @cached_property
    def etag(self) -> str:
        """What names it: the versions, and when the first of the two clocks ends it."""
        return f'"{self.tag}-{int(min(self.next_expiry, self.next_edge))}"'

    def stands(self, *, seen: Look, now: datetime) -> bool:
        """Tell whether it is what would be written now."""
        return (
            self.written == seen.written
            and seen.clock.timestamp() < self.next_expiry
            and now.timestamp() < self.next_edge
        )


# Of everybody's queries by their text; some kilobytes each.
_answers: Bounded[bytes, _WholeAnswer] = Bounded(most=512)


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
        parameters=[AvailabilityQuerySerializer, etag_of(200, 304)],
        responses={200: AvailabilitySerializer, 304: None, **errors(400, 403, 422, 429)},
    )
    def list(self, request: Request) -> HttpResponse:
        """Answer what can really be held now."""
        return list_free_times(request._request, principal_of(request))

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


def list_free_times(request: HttpRequest, principal: Principal) -> HttpResponse:
    """Answer what can really be held now. Raises what the API refuses."""
    query = request.META.get("QUERY_STRING", "").encode("latin-1")
    values, faults = _read_query(query)
    day, days = values.get("date"), values.get("days")
    # With a faulty date no versions are wanted, only the services.
    seen = slot_answers.look(first_day=day, days=days) if day and days else look()
    now = timezone.now()
    sent = request.META.get("HTTP_IF_NONE_MATCH", "")
    kept = _answers.get(query)
    # A partner may not be offered what everybody else is.
    if kept is None or principal.partner or not kept.stands(seen=seen, now=now):
        wish = _wish(values, [*faults], seen, principal=principal)
        day_versions = slot_answers.versions_of(wish=wish, seen=seen)
        tag = versions.combine(day_versions)
        if known := _still_true(sent, tag, seen, now):
            return HttpResponse(status=304, headers={**_ASK_AGAIN, "ETag": known})
        kept = _write(wish, seen, day_versions, tag, now)
        if principal.partner is None:
            _answers[query] = kept
    else:
        cache.count_cache(family=SLOTS.name, is_hit=True, times=kept.days)
        known = sent if sent == kept.etag else _still_true(sent, kept.tag, seen, now)
        if known:
            return HttpResponse(status=304, headers={**_ASK_AGAIN, "ETag": known})
    return HttpResponse(
        kept.body,
        content_type="application/json",
        headers={**_ASK_AGAIN, "ETag": kept.etag},
    )


def _write(
    wish: Wish, seen: Look, day_versions: Sequence[str], tag: str, now: datetime
) -> _WholeAnswer:
    days = slot_answers.free_times(wish=wish, seen=seen, day_versions=day_versions, now=now)
    body = b'{"serviceId":"%s","timezone":"%s","date":"%s","days":%d,"slots":[%s]}' % (
        str(wish.service.id).encode(),
        wish.zone.key.encode(),
        wish.first_day.isoformat().encode(),
        wish.days,
        b",".join(one.body for one in days if one.body),
    )
    return _WholeAnswer(
        written=seen.written,
        tag=tag,
        body=body,
        days=wish.days,
        next_expiry=min(one.next_expiry for one in days),
        next_edge=min(one.next_edge for one in days),
    )


@lru_cache(maxsize=4096)
def _read_query(query: bytes) -> tuple[Mapping[str, Any], tuple[Fault, ...]]:
    """Read the form of a query; nothing but its text decides, so the same is read once."""
    params = QueryDict(query)
    values, faults = read(AvailabilityQuerySerializer, params.dict())
    zone_name = values.get("timezone")
    if zone_name is not None and zone_name not in available_timezones():
        faults.append(Fault("timezone", "invalid", "This is not an IANA time zone."))
    return values, (*faults, *repeated_faults(params))


def _wish(
    values: Mapping[str, Any], faults: list[Fault], seen: Look, *, principal: Principal
) -> Wish:
    """Give what is asked for. Raises `ValidationFailed` and `InvalidService`."""
    known = seen.catalogue.find(values.get("serviceId", ""))
    service = offered_service(values, faults, principal=principal, service=known)
    zip_code = values.get("zip")
    if service is not None and "zip" not in {fault.field for fault in faults}:
        if service.is_mobile and not zip_code:
            faults.append(Fault("zip", "required", "Tell us the ZIP code we come to."))
        if not service.is_mobile and zip_code:
            faults.append(Fault("zip", "not_accepted", "An online appointment has no place."))
    if service is None or faults:
        raise ValidationFailed(*faults)
    zone = values.get("timezone")
    return Wish(
        service=service,
        zip_code=zip_code,
        first_day=values["date"],
        days=values["days"],
        zone=ZoneInfo(zone) if zone else service.timezone,
    )


def _still_true(sent: str, tag: str, seen: Look, now: datetime) -> str | None:
    """Give the tag the client holds if it names these versions and the clock has not ended it."""
    for text in parse_etags(sent) if sent else ():
        named = _TAG.fullmatch(text)
        if named and named[1] == tag and int(named[2]) > max(seen.clock, now).timestamp():
            return text
    return None

"""The catalogue over the API: services, and prices for one appointment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request

from hmnp.accounts.permissions import Access, ByTable
from hmnp.accounts.principals import Principal, principal_of
from hmnp.core.api.examples import INVALID, PLACE, STARTS, sent
from hmnp.core.api.schema import errors, etag_of
from hmnp.core.api.validation import read
from hmnp.core.api.views import ApiViewSet, repeated_faults
from hmnp.core.errors import DomainError, Fault
from hmnp.core.limits import Action
from services.api.asked import asked_price
from services.api.serializers import (
    PricingBodySerializer,
    PricingCalculationSerializer,
    PricingQuerySerializer,
    ServiceDefinitionSerializer,
    ServiceListSerializer,
)
from services.catalogue import look
from services.catalogue_answers import active_services_answer, service_answer
from services.errors import ServiceNotFound
from services.price_answers import price_answer

ANYONE = Access(anonymous=True)
_PRICE_ANSWERS = {200: PricingCalculationSerializer, **errors(400, 401, 413, 422, 429)}


class ServiceViewSet(ApiViewSet):
    """What is sold, and what it costs: open to everyone."""

    permission_classes = [ByTable]
    access = {
        "list": ANYONE,
        "retrieve": ANYONE,
        "pricing": ANYONE,
        "pricing_with_address": ANYONE,
    }
    limits = {"pricing": Action.PRICING, "pricing_with_address": Action.PRICING}
    lookup_url_kwarg = "id_or_slug"
    lookup_value_regex = "[^/]+"

    @extend_schema(
        operation_id="listServices",
        summary="The services on offer",
        parameters=[etag_of(200, 304)],
        responses={200: ServiceListSerializer, 304: None, **errors(401)},
    )
    def list(self, request: Request) -> HttpResponse:
        """Answer the active services."""
        return list_services(request._request, principal_of(request))

    @extend_schema(
        operation_id="getService",
        summary="One service, by its id or its slug",
        parameters=[
            OpenApiParameter("id_or_slug", str, OpenApiParameter.PATH),
            etag_of(200, 304),
        ],
        responses={200: ServiceDefinitionSerializer, 304: None, **errors(401, 404)},
    )
    def retrieve(self, request: Request, id_or_slug: str) -> HttpResponse:
        """Answer one active service."""
        catalogue = look().catalogue
        service = catalogue.find(id_or_slug)
        if service is None or not service.is_active:
            raise ServiceNotFound
        return _public(request._request, service_answer(catalogue=catalogue, service=service))

    @extend_schema(
        operation_id="getPrice",
        summary="A price by ZIP code",
        parameters=[PricingQuerySerializer],
        responses=_PRICE_ANSWERS,
    )
    @action(detail=False, methods=["get"], url_path="pricing")
    def pricing(self, request: Request) -> HttpResponse:
        """Answer a price for what the query names."""
        return price_by_zip(request._request, principal_of(request))

    @extend_schema(
        operation_id="calculatePrice",
        summary="A price by address",
        request=PricingBodySerializer,
        examples=[
            sent(
                "At an address",
                {"serviceId": "standard-notary", "scheduledDateTime": STARTS, "address": PLACE},
            ),
            sent(
                "With a promo code",
                {
                    "serviceId": "loan-signing",
                    "scheduledDateTime": STARTS,
                    "zip": "77573",
                    "promoCode": "FRIENDS",
                },
            ),
            INVALID,
        ],
        responses=_PRICE_ANSWERS,
    )
    @pricing.mapping.post
    def pricing_with_address(self, request: Request) -> HttpResponse:
        """Answer a price for what the body names."""
        values, faults = read(PricingBodySerializer, request.data)
        return _price(principal_of(request), values, faults)


def list_services(request: HttpRequest, _: Principal) -> HttpResponse:
    """Answer the active services: to everybody the same."""
    return _public(request, active_services_answer(catalogue=look().catalogue))


def price_by_zip(request: HttpRequest, principal: Principal) -> HttpResponse:
    """Answer a price for what the query names. Raises what the API refuses."""
    values, faults = _read_query(request.META.get("QUERY_STRING", "").encode("latin-1"))
    return _price(principal, values, [*faults])


@lru_cache(maxsize=4096)
def _read_query(query: bytes) -> tuple[Mapping[str, Any], tuple[Fault, ...]]:
    """Read the form of a query; nothing but its text decides, so the same is read once."""
    params = QueryDict(query)
    values, faults = read(PricingQuerySerializer, params.dict())
    return values, (*repeated_faults(params), *faults)


def _price(principal: Principal, values: Mapping[str, Any], faults: list[Fault]) -> HttpResponse:
    now = timezone.now()
    asked = asked_price(values=values, faults=faults, principal=principal, now=now)
    try:
        answer = price_answer(
            service=asked.service,
            version=asked.version,
            starts_at=asked.starts_at,
            zip_code=asked.zip_code,
            signers=asked.signers,
            documents=asked.documents,
            promo_code=asked.promo_code,
            now=now,
        )
    except DomainError as error:
        if error.field == "zip":
            error.field = asked.place_field
        raise
    return HttpResponse(answer, content_type="application/json")


def _public(request: HttpRequest, body: bytes) -> HttpResponse:
    """Answer what is the same for everyone, to be kept a minute and asked again by its tag."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "public, max-age=60"}
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if tag in known or f"W/{tag}" in known or "*" in known:
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(body, content_type="application/json", headers=headers)

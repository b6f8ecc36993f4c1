"""The catalogue over the API: services, and prices for one appointment."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.utils import timezone
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from hmnp.accounts.permissions import Access, ByTable
from hmnp.accounts.principals import principal_of
from hmnp.core.api.examples import INVALID, PLACE, STARTS, sent
from hmnp.core.api.schema import errors, etag_of
from hmnp.core.api.views import ApiViewSet, repeated_faults
from hmnp.core.errors import DomainError
from hmnp.core.limits import Action
from services import quotes
from services.api.asked import Asked, asked_price
from services.api.serializers import (
    PricingBodySerializer,
    PricingCalculationSerializer,
    PricingQuerySerializer,
    ServiceDefinitionSerializer,
    ServiceListSerializer,
)
from services.catalogue import active_services, get_service
from services.errors import ServiceNotFound
from services.presenters import pricing_body, service_body

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
    def list(self, request: Request) -> Response:
        """Answer the active services."""
        data = [service_body(service=service) for service in active_services()]
        return _public(request, {"data": data, "nextCursor": None})

    @extend_schema(
        operation_id="getService",
        summary="One service, by its id or its slug",
        parameters=[
            OpenApiParameter("id_or_slug", str, OpenApiParameter.PATH),
            etag_of(200, 304),
        ],
        responses={200: ServiceDefinitionSerializer, 304: None, **errors(401, 404)},
    )
    def retrieve(self, request: Request, id_or_slug: str) -> Response:
        """Answer one active service."""
        service = get_service(id_or_slug=id_or_slug)
        if service is None or not service.is_active:
            raise ServiceNotFound
        return _public(request, service_body(service=service))

    @extend_schema(
        operation_id="getPrice",
        summary="A price by ZIP code",
        parameters=[PricingQuerySerializer],
        responses=_PRICE_ANSWERS,
    )
    @action(detail=False, methods=["get"], url_path="pricing")
    def pricing(self, request: Request) -> Response:
        """Answer a price for what the query names."""
        repeated = repeated_faults(request)
        serializer = PricingQuerySerializer(data=request.query_params.dict())
        return _price(
            asked_price(
                serializer=serializer,
                repeated=repeated,
                principal=principal_of(request),
                now=timezone.now(),
            )
        )

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
    def pricing_with_address(self, request: Request) -> Response:
        """Answer a price for what the body names."""
        serializer = PricingBodySerializer(data=request.data)
        return _price(
            asked_price(
                serializer=serializer,
                repeated=[],
                principal=principal_of(request),
                now=timezone.now(),
            )
        )


def _price(asked: Asked) -> Response:
    now = timezone.now()
    try:
        pricing = quotes.quote(
            service=asked.service,
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
    signed = quotes.sign_quote(
        service=asked.service,
        starts_at=asked.starts_at,
        zip_code=asked.zip_code,
        signers=asked.signers,
        documents=asked.documents,
        promo_code=asked.promo_code,
        pricing=pricing,
        now=now,
    )
    return Response(pricing_body(service=asked.service, pricing=pricing, signed=signed))


def _public(request: Request, body: dict[str, Any]) -> Response:
    """Answer what is the same for everyone, to be kept a minute and asked again by its tag."""
    tag = f'"{hashlib.sha256(json.dumps(body).encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "public, max-age=60"}
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if tag in known or f"W/{tag}" in known or "*" in known:
        return Response(status=304, headers=headers)
    return Response(body, headers=headers)

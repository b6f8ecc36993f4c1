"""`POST /webhooks/{stripe,ghl,proof,twilio}`: verify, store, answer; acting is a job's."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import UnreadablePostError
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from hmnp.accounts.permissions import Access, ByTable
from hmnp.core.api.serializers import ErrorSerializer
from hmnp.core.api.views import ApiViewSet
from hmnp.core.crashpoints import crashpoint
from hmnp.core.errors import InvalidSignature, PayloadTooLarge, ServiceUnavailable
from integrations import inbox
from integrations.doors import DOORS
from integrations.states import Provider

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 256 * 1024
_RETRY_AFTER_SECONDS = 60


class ReceivedSerializer(serializers.Serializer[Any]):
    """The event is stored, now or before."""

    received = serializers.BooleanField()


def _describe(provider: Provider, *, header: str, unstored_status: int) -> Any:
    return extend_schema(
        operation_id=f"webhook_{provider.value}",
        summary=f"Take an event from {provider.value}",
        description="For the provider only. The signature is checked over the raw body; the event "
        "is stored once, also when it is repeated or of a kind that changes nothing here.",
        request={"application/json": OpenApiTypes.OBJECT},
        parameters=[OpenApiParameter(header, str, OpenApiParameter.HEADER, required=True)],
        responses={
            200: ReceivedSerializer,
            400: OpenApiResponse(ErrorSerializer, "INVALID_SIGNATURE"),
            413: OpenApiResponse(ErrorSerializer, "PAYLOAD_TOO_LARGE"),
            unstored_status: OpenApiResponse(ErrorSerializer, "Not stored; send it again."),
        },
    )


class WebhookViewSet(ApiViewSet):
    """The doors of the providers; their signatures are the only credentials."""

    authentication_classes = []
    permission_classes = [ByTable]
    access = {provider.value: Access(anonymous=True) for provider in Provider}

    @_describe(Provider.STRIPE, header="Stripe-Signature", unstored_status=503)
    @action(detail=False, methods=["post"])
    def stripe(self, request: Request) -> Response:
        """Take an event from Stripe."""
        return _take(request, Provider.STRIPE)

    @_describe(Provider.GHL, header="X-GHL-Signature", unstored_status=429)
    @action(detail=False, methods=["post"])
    def ghl(self, request: Request) -> Response:
        """Take an event from GoHighLevel."""
        return _take(request, Provider.GHL)

    @_describe(Provider.PROOF, header="X-Notarize-Signature", unstored_status=503)
    @action(detail=False, methods=["post"])
    def proof(self, request: Request) -> Response:
        """Take an event from Proof."""
        return _take(request, Provider.PROOF)

    @extend_schema(exclude=True)
    @action(detail=False, methods=["post"])
    def twilio(self, request: Request) -> Response:
        """Take a text's status from Twilio: a form, and no part of the published API."""
        return _take(request, Provider.TWILIO)


def _take(request: Request, provider: Provider) -> Response:
    door = DOORS[provider]
    body = _raw_body(request)
    try:
        event = door.verify(body, request.headers, timezone.now())
    except InvalidSignature:
        logger.warning("webhook refused: invalid signature", extra={"provider": provider.value})
        raise
    try:
        is_new = inbox.store(event=event)
    except (DatabaseError, InterfaceError, ServiceUnavailable) as error:
        logger.error(
            "webhook could not be stored: %s",
            type(error).__name__,
            extra={"provider": provider.value, "kind": event.type},
        )
        raise door.unstored(
            "The event could not be stored; please send it again.",
            retry_after=_RETRY_AFTER_SECONDS,
        ) from error
    crashpoint("inbox.stored")
    logger.info(
        "webhook stored" if is_new else "webhook repeated",
        extra={"provider": provider.value, "kind": event.type},
    )
    return Response({"received": True})


def _raw_body(request: Request) -> bytes:
    """Give the bytes that were signed; a longer body is refused by its length, unread."""
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = 0
    if length > MAX_BODY_BYTES:
        raise PayloadTooLarge
    try:
        body = request._request.body
    except UnreadablePostError:
        raise InvalidSignature from None
    if len(body) > MAX_BODY_BYTES:
        raise PayloadTooLarge
    return body

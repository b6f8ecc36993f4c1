"""Paying: open an intent, have it settled, read a payment."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from bookings import holders
from bookings.errors import HoldExpired, HoldNotFound
from bookings.models import SlotClaim
from bookings.queries import get_visible
from bookings.slots import alternatives
from hmnp.accounts.permissions import Access, ByTable
from hmnp.accounts.principals import principal_of
from hmnp.core import transactions
from hmnp.core.api.examples import refused, sent
from hmnp.core.api.keyed import IDEMPOTENCY_KEY, Keyed
from hmnp.core.api.schema import errors
from hmnp.core.api.views import ApiViewSet
from hmnp.core.context import Actor
from hmnp.core.errors import ServiceUnavailable
from hmnp.core.idempotency import Answer, Idempotency
from hmnp.core.limits import Action
from payments import stripe_gateway as gateway
from payments.access import Credentials, allowed_payment
from payments.actions.confirm_payment import confirm_payment
from payments.actions.open_payment import HoldToPay, OpenedPayment, open_payment
from payments.actors import STRIPE
from payments.api.serializers import (
    ConfirmedSerializer,
    ConfirmRequestSerializer,
    IntentRequestSerializer,
    IntentSerializer,
    PaymentSerializer,
)
from payments.models import Payment
from payments.presenters import confirm_body, intent_body, payment_body
from payments.provider import GatewayError
from services.catalogue import require_service
from services.quotes import honour_quote

# An intent opened so lately may be a twin's that has not recorded its answer yet.
_YOUNG = timedelta(seconds=5)
_LOOKS = 10
_SECONDS_BETWEEN_LOOKS = 0.02


class PaymentViewSet(ApiViewSet):
    """Payments of bookings and of holds. Who holds a time or a client secret needs no account."""

    permission_classes = [ByTable]
    access = {
        "intent": Access(anonymous=True, scope="payments:write"),
        "confirm": Access(anonymous=True, scope="payments:write"),
        "retrieve": Access(anonymous=True, scope="bookings:read"),
    }
    limits = {"intent": Action.INTENT, "confirm": Action.CONFIRM}

    @extend_schema(
        operation_id="openPaymentIntent",
        summary="Open the intent for what is due",
        parameters=[IDEMPOTENCY_KEY],
        request=IntentRequestSerializer,
        examples=[
            sent("For a booking", {"bookingId": "5f0c2f7e-9f6b-4b0e-8f6b-0d6b1c9f1a11"}),
            sent(
                "For a hold",
                {
                    "holdId": "0d5a1c3e-5b1f-4c55-9d5e-3a0a8c1f7b22",
                    "holdToken": "k1.hold.0d5a1c3e.1.c2lnbmF0dXJl",
                },
            ),
            refused(409, "NOTHING_DUE", "There is nothing to pay."),
        ],
        responses={
            200: OpenApiResponse(IntentSerializer, "The live intent, opened before."),
            201: IntentSerializer,
            **errors(400, 401, 403, 404, 409, 410, 422, 429, 503),
        },
    )
    @action(detail=False, methods=["post"])
    def intent(self, request: Request) -> Response:
        """Ask for the deposit or the whole price while a booking waits for it, else the balance."""
        now = timezone.now()
        serializer = IntentRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        target = _target(request, serializer.validated_data, now)

        def work(keyed: Keyed) -> Response:
            try:
                opened = open_payment(target=target, now=now)
            except HoldExpired as expired:
                raise _with_alternatives(expired, _claim_of(target), now) from None
            idempotency = keyed.with_render(_intent_answer)
            if idempotency is not None:
                if not opened.is_new and now - opened.payment.created_at < _YOUNG:
                    _let_the_opener_answer(idempotency)
                _remember(idempotency, opened)
            response = keyed.respond(opened, _intent_answer, idempotency)
            response.data["clientSecret"] = opened.client_secret
            return response

        response = Keyed.of(request, principal_key=principal_of(request).key).run(work)
        if "clientSecret" not in response.data:
            response.data["clientSecret"] = _client_secret(response.data["paymentIntentId"])
        return response

    @extend_schema(
        operation_id="confirmPayment",
        summary="Have an intent looked up and settled",
        request=ConfirmRequestSerializer,
        examples=[
            sent("With the booking's token", {"paymentIntentId": "pi_3QK2a9LkdIwHu7ix0Z1abcde"}),
            refused(
                402,
                "PAYMENT_FAILED",
                "The card was declined.",
                details={"declineCode": "insufficient_funds"},
            ),
        ],
        responses={
            200: ConfirmedSerializer,
            202: OpenApiResponse(ConfirmedSerializer, "Still under way; ask again."),
            **errors(400, 401, 402, 403, 404, 410, 429, 503),
        },
    )
    @action(detail=False, methods=["post"])
    def confirm(self, request: Request) -> Response:
        """Settle by what Stripe says; safe to repeat."""
        now = timezone.now()
        principal = principal_of(request)
        # Refused early when malformed; repeating needs no record, since settling is idempotent.
        Keyed.of(request, principal_key=principal.key)
        serializer = ConfirmRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        payment = allowed_payment(
            payment=Payment.objects.select_related("claim")
            .filter(provider_intent_id=values["paymentIntentId"])
            .first(),
            credentials=Credentials(
                principal=principal,
                hold_token=values.get("holdToken", ""),
                client_secret=values.get("clientSecret", ""),
            ),
            now=now,
        )
        try:
            confirmed = confirm_payment(payment_id=payment.pk, now=now, actor=_told_by(request))
        except HoldExpired as expired:
            raise _with_alternatives(expired, payment.claim, now) from None
        return Response(
            confirm_body(confirmed.payment), status=200 if confirmed.is_settled else 202
        )

    @extend_schema(
        operation_id="getPayment",
        summary="One payment",
        parameters=[
            OpenApiParameter("id", UUID, OpenApiParameter.PATH),
            OpenApiParameter("X-Hold-Token", str, OpenApiParameter.HEADER),
        ],
        responses={200: PaymentSerializer, **errors(401, 403, 404)},
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        """Answer what we know of it."""
        payment = allowed_payment(
            payment=_payment(pk),
            credentials=Credentials(
                principal=principal_of(request),
                hold_token=request.headers.get("X-Hold-Token", ""),
            ),
            now=timezone.now(),
        )
        return Response(payment_body(payment))


def _payment(pk: str) -> Payment | None:
    try:
        payment_id = UUID(pk)
    except ValueError:
        return None
    return Payment.objects.select_related("claim").filter(pk=payment_id).first()


def _target(request: Request, values: dict[str, Any], now: datetime) -> UUID | HoldToPay:
    """Give what is to be paid for, once the caller has proved that it may.

    Raises `Unauthenticated`, `NotFound`, `HoldNotFound`, and `ValidationFailed` for a quote that
    is not ours.
    """
    if "bookingId" in values:
        booking = get_visible(
            principal=principal_of(request), booking_id=values["bookingId"], now=now
        )
        return booking.pk
    token = holders.verify_hold_token(text=values["holdToken"], claim_id=values["holdId"])
    claim = SlotClaim.objects.filter(pk=token.subject_id).first()
    if claim is None:
        raise HoldNotFound
    holders.check_token(claim=claim, token=token)
    promised = None
    if "quoteToken" in values:
        promised = honour_quote(
            token=values["quoteToken"],
            service=require_service(id_or_slug=claim.service_id),
            starts_at=claim.starts_at,
            zip_code=claim.customer_zip or None,
            signers=claim.signers,
            documents=claim.documents,
            promo_code=claim.promo_code or None,
            now=now,
        )
    return HoldToPay(token=token, promised_cents=promised.final_price_cents if promised else None)


def _intent_answer(opened: OpenedPayment) -> Answer:
    return Answer(status=201 if opened.is_new else 200, body=intent_body(opened))


def _remember(idempotency: Idempotency, opened: OpenedPayment) -> None:
    """Keep the answer, without its secret, under the request's key.

    After the effect: the open payment row is the record proper, and finds the same intent again
    should this be lost.
    """

    def work() -> None:
        idempotency.begin()
        idempotency.finish(opened)

    transactions.run(work)


def _let_the_opener_answer(idempotency: Idempotency) -> None:
    """Give a twin that opened the intent this very moment the time to record its 201.

    Raises `Replayed` once it has; whoever opened it may as well have come without this key.
    """
    for _ in range(_LOOKS):
        idempotency.replay()
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _client_secret(intent_id: str) -> str:
    try:
        return gateway.retrieve_intent(intent_id=intent_id).client_secret
    except GatewayError:
        raise ServiceUnavailable(retry_after=5) from None


def _claim_of(target: UUID | HoldToPay) -> SlotClaim | None:
    claims = SlotClaim.objects.order_by("-held_at")
    if isinstance(target, HoldToPay):
        return claims.filter(pk=target.token.subject_id).first()
    return claims.filter(booking_id=target).first()


def _with_alternatives(expired: HoldExpired, claim: SlotClaim | None, now: datetime) -> HoldExpired:
    if claim is None:
        return expired
    return HoldExpired(
        details=alternatives(
            service=require_service(id_or_slug=claim.service_id),
            zip_code=claim.customer_zip or None,
            after=claim.starts_at,
            now=now,
        )
    )


def _told_by(request: Request) -> Actor:
    """Give Stripe as the actor, with the request that made us ask."""
    asker = principal_of(request).actor
    return replace(asker, type=STRIPE.type, id=STRIPE.id)

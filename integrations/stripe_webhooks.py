"""Stripe's webhooks. An event is only a hint at what to ask Stripe about; payments asks."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.conf import settings

from hmnp.core import transactions
from hmnp.core.errors import InvalidSignature
from integrations.errors import ConnectorError
from integrations.inbound import NotYetKnown, VerifiedEvent, short_text
from integrations.models import InboxEvent
from integrations.states import InboxState, Provider
from payments import stripe_gateway
from payments.actions.send_refund import record_provider_refund
from payments.actions.settle_payment import settle_payment
from payments.models import Payment, Refund
from payments.stripe_gateway import GatewayError, StripeEvent

logger = logging.getLogger(__name__)


def verify(body: bytes, headers: Mapping[str, str], now: datetime) -> VerifiedEvent:  # noqa: ARG001 -- Stripe's library judges the time by its own clock
    """Give the event in `body` when Stripe signed it. Raises `InvalidSignature`."""
    if not any(secret.strip() for secret in settings.STRIPE_WEBHOOK_SECRETS):
        logger.error("STRIPE_WEBHOOK_SECRETS is not set: every webhook of Stripe is refused")
        raise InvalidSignature
    event = stripe_gateway.verify_webhook(body=body, header=headers.get("Stripe-Signature"))
    return VerifiedEvent(
        provider=Provider.STRIPE,
        event_id=short_text(event.id, limit=255),
        type=short_text(event.type, limit=100),
        object_id=short_text(event.object_id, limit=255),
        body=body,
    )


def act(event: InboxEvent) -> InboxState:
    """Have payments ask Stripe about what the event is about.

    Raises `NotYetKnown` for what is not ours (yet), `ConnectorError` when Stripe cannot be asked.
    """
    hint = stripe_gateway.read_event(body=bytes(event.body))
    try:
        return _act(hint)
    except GatewayError as error:
        raise ConnectorError(str(error)) from error


def _act(hint: StripeEvent) -> InboxState:
    if hint.object_type == "payment_intent":
        _settle(hint)
        return InboxState.DONE
    if hint.object_type == "refund":
        _record_refund(hint.object_id, hint.metadata.get("refund_id", ""))
        return InboxState.DONE
    if hint.type == "charge.refunded":
        _record_refunds_of(hint.intent_id)
        return InboxState.DONE
    if hint.object_type == "dispute":
        return InboxState.UNHANDLED
    return InboxState.IGNORED


def _settle(hint: StripeEvent) -> None:
    payment = Payment.objects.filter(provider_intent_id=hint.object_id).first()
    if payment is None:
        # It came before our own answer; the reference is stored with that, or by the sweeper.
        raise NotYetKnown("no payment of ours has this intent yet")
    settle_payment(payment_id=payment.pk, now=transactions.database_now())


def _record_refunds_of(intent_id: str) -> None:
    """Look at every refund of a charge; the event names the charge, not the refund."""
    refunds = Refund.objects.filter(
        payment__provider_intent_id=intent_id, provider_refund_id__isnull=False
    )
    provider_ids = list(refunds.values_list("provider_refund_id", flat=True))
    if not provider_ids:
        raise NotYetKnown("no refund of ours has reached this charge yet")
    for provider_id in provider_ids:
        _record_refund(str(provider_id), "")


def _record_refund(provider_refund_id: str, named: str) -> None:
    """Record what Stripe says of one refund, found by Stripe's id or by the one we gave along."""
    refund = Refund.objects.filter(provider_refund_id=provider_refund_id).first()
    if refund is None and (refund_id := _uuid(named)) is not None:
        refund = Refund.objects.filter(pk=refund_id).first()
    if refund is None:
        raise NotYetKnown("no refund of ours has this id yet")
    record_provider_refund(
        refund_id=refund.pk,
        found=stripe_gateway.retrieve_refund(provider_refund_id=provider_refund_id),
        now=transactions.database_now(),
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

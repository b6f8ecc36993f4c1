"""Stripe's webhooks. An event is only a hint at what to ask Stripe about; payments asks."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

from django.conf import settings

from hmnp.core import transactions
from hmnp.core.errors import InvalidSignature
from integrations.errors import ConnectorError
from integrations.inbound import NotYetKnown, VerifiedEvent, short_text
from integrations.models import InboxEvent
from integrations.states import InboxState, Provider
from payments import stripe_gateway
from payments.actions.take_hint import HintOutcome, take_hint
from payments.provider import GatewayError

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
        outcome = take_hint(event=hint, now=transactions.database_now())
    except GatewayError as error:
        raise ConnectorError(str(error)) from error
    match outcome:
        case HintOutcome.UNKNOWN:
            # It may have overtaken our own answer; else it is not ours.
            raise NotYetKnown(f"no {hint.object_type} of ours has this id yet")
        case HintOutcome.IGNORED:
            return InboxState.IGNORED
        case HintOutcome.DONE:
            return InboxState.DONE

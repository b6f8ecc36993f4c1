"""The webhook doors: how each is opened, what is done inside, how each is told to retry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from hmnp.core.errors import DomainError, RateLimited, ServiceUnavailable
from integrations import stripe_webhooks
from integrations.ghl import webhooks as ghl
from integrations.inbound import VerifiedEvent
from integrations.models import InboxEvent
from integrations.proof import webhooks as proof
from integrations.sms import webhooks as twilio
from integrations.states import InboxState, Provider


@dataclass(frozen=True)
class Door:
    """One provider's webhook.

    `verify` raises `InvalidSignature`. `act` gives the event's end state, or raises `NotYetKnown`
    or `ConnectorError` to have it tried again. `unstored` is the answer that makes the provider
    send the event again later.
    """

    verify: Callable[[bytes, Mapping[str, str], datetime], VerifiedEvent]
    act: Callable[[InboxEvent], InboxState]
    unstored: type[DomainError]


DOORS: dict[Provider, Door] = {
    Provider.STRIPE: Door(stripe_webhooks.verify, stripe_webhooks.act, ServiceUnavailable),
    # GHL repeats a webhook after 429 only; any other refusal loses it.
    Provider.GHL: Door(ghl.verify, ghl.act, RateLimited),
    Provider.PROOF: Door(proof.verify, proof.act, ServiceUnavailable),
    # Twilio calls once, whatever the answer: what is lost is only how a text fared.
    Provider.TWILIO: Door(twilio.verify, twilio.act, ServiceUnavailable),
}

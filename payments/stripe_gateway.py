"""Stripe, and the only file that imports its library: plain frozen values cross this border.

The library's API version is the pinned one. A client secret is never logged nor stored.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

import stripe
from django.conf import settings

from hmnp.core.errors import InvalidSignature
from payments.provider import (
    CardDeclined,
    GatewayError,
    Intent,
    NotConfigured,
    ProviderDispute,
    ProviderRefund,
    StripeEvent,
)
from payments.stripe_objects import as_dispute, as_event, as_intent, as_refund

T = TypeVar("T")

logger = logging.getLogger(__name__)

# Connect and read, in seconds; the library's own default is 80.
TIMEOUT = (3.05, 15)
TOLERANCE_SECONDS = 300
# Clocks differ; an intent may seem older at Stripe than our row says.
_CLOCK_SLACK = timedelta(minutes=5)


def create_intent(
    *, amount_cents: int, currency: str, idempotency_key: str, metadata: Mapping[str, str]
) -> Intent:
    """Open an intent, or give again the one this key has opened. Raises `GatewayError`."""
    return as_intent(
        converse(
            lambda client: client.v1.payment_intents.create(
                {
                    "amount": amount_cents,
                    "currency": currency.lower(),
                    # Never: a redirect-based method would leave the page and outlive the claim.
                    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                    "metadata": dict(metadata),
                },
                {"idempotency_key": idempotency_key},
            )
        )
    )


def retrieve_intent(*, intent_id: str) -> Intent:
    """Fetch an intent. Raises `GatewayError`."""
    return as_intent(converse(lambda client: client.v1.payment_intents.retrieve(intent_id)))


def find_intent(*, payment_id: UUID, since: datetime) -> Intent | None:
    """Look for a payment's intent by its metadata, when no key can bring it back.

    By listing, not searching: Stripe's search lags behind by up to a minute. Raises `GatewayError`.
    """
    first = int((since - _CLOCK_SLACK).timestamp())

    def look(client: stripe.StripeClient) -> Any:
        page = client.v1.payment_intents.list({"created": {"gte": first}, "limit": 100})
        for found in page.auto_paging_iter():
            if found.to_dict().get("metadata", {}).get("payment_id") == str(payment_id):
                return found
        return None

    found = converse(look)
    return None if found is None else as_intent(found)


def cancel_intent(*, intent_id: str) -> Intent:
    """Cancel an intent if Stripe still lets us, and give it as it is then.

    Its status tells what came of it: canceled; succeeded or processing, when it was too late.
    Raises `GatewayError`.
    """
    try:
        return as_intent(
            converse(
                lambda client: client.v1.payment_intents.cancel(
                    intent_id, {"cancellation_reason": "abandoned"}
                )
            )
        )
    except GatewayError as error:
        if error.code != "payment_intent_unexpected_state":
            raise
    return retrieve_intent(intent_id=intent_id)


def describe_intent(*, intent_id: str, metadata: Mapping[str, str]) -> None:
    """Add to an intent's metadata, for people who read it at Stripe. Raises `GatewayError`."""
    converse(
        lambda client: client.v1.payment_intents.update(intent_id, {"metadata": dict(metadata)})
    )


def create_refund(
    *, intent_id: str, amount_cents: int, idempotency_key: str, metadata: Mapping[str, str]
) -> ProviderRefund:
    """Pay back, or give again the refund this key has made. Raises `GatewayError`."""
    return as_refund(
        converse(
            lambda client: client.v1.refunds.create(
                {
                    "payment_intent": intent_id,
                    "amount": amount_cents,
                    "reason": "requested_by_customer",
                    "metadata": dict(metadata),
                },
                {"idempotency_key": idempotency_key},
            )
        )
    )


def retrieve_refund(*, provider_refund_id: str) -> ProviderRefund:
    """Fetch a refund. Raises `GatewayError`."""
    return as_refund(converse(lambda client: client.v1.refunds.retrieve(provider_refund_id)))


def find_refund(*, intent_id: str, refund_id: UUID) -> ProviderRefund | None:
    """Look for a refund by its metadata, when no key can bring it back. Raises `GatewayError`."""

    def look(client: stripe.StripeClient) -> Any:
        page = client.v1.refunds.list({"payment_intent": intent_id, "limit": 100})
        for found in page.auto_paging_iter():
            if found.to_dict().get("metadata", {}).get("refund_id") == str(refund_id):
                return found
        return None

    found = converse(look)
    return None if found is None else as_refund(found)


def retrieve_dispute(*, provider_dispute_id: str) -> ProviderDispute:
    """Fetch a dispute. Raises `GatewayError`."""
    return as_dispute(converse(lambda client: client.v1.disputes.retrieve(provider_dispute_id)))


def disputes_of_intent(*, intent_id: str) -> list[ProviderDispute]:
    """List the disputes of what an intent has charged. Raises `GatewayError`."""

    def look(client: stripe.StripeClient) -> list[ProviderDispute]:
        page = client.v1.disputes.list({"payment_intent": intent_id, "limit": 100})
        return [as_dispute(found) for found in page.auto_paging_iter()]

    return converse(look)


def list_undelivered_events(*, since: datetime) -> list[StripeEvent]:
    """List the events since then that no webhook of ours has taken. Raises `GatewayError`."""

    def look(client: stripe.StripeClient) -> list[StripeEvent]:
        page = client.v1.events.list(
            {"delivery_success": False, "created": {"gte": int(since.timestamp())}, "limit": 100}
        )
        return [as_event(found.to_dict()) for found in page.auto_paging_iter()]

    return converse(look)


def verify_webhook(*, body: bytes, header: str | None) -> StripeEvent:
    """Give the event in a webhook's raw `body` when one of our secrets signed it just now.

    Raises `InvalidSignature`: missing, wrong, more than 300 s old or ahead, or of the other mode.
    """
    secrets = [secret for secret in settings.STRIPE_WEBHOOK_SECRETS if secret.strip()]
    if not header or not any(_is_signed(body, header, secret) for secret in secrets):
        raise InvalidSignature
    # The library refuses only what is too old.
    if _signed_at(header) > time.time() + TOLERANCE_SECONDS:
        raise InvalidSignature
    try:
        document = json.loads(body)
        event = as_event(document)
        is_live = bool(document["livemode"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidSignature from None
    if is_live != _is_live_key(str(settings.STRIPE_API_KEY)):
        raise InvalidSignature
    return event


def read_event(*, body: bytes) -> StripeEvent:
    """Read the event in a body that was verified when it was stored."""
    return as_event(json.loads(body))


def _is_signed(body: bytes, header: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body, header, secret, TOLERANCE_SECONDS)
    except (stripe.SignatureVerificationError, ValueError, TypeError):
        return False
    return True


def _signed_at(header: str) -> int:
    for part in header.split(","):
        name, _, value = part.partition("=")
        if name == "t":
            try:
                return int(value)
            except ValueError:
                break
    raise InvalidSignature


def _is_live_key(key: str) -> bool:
    return "_live_" in key


@lru_cache(maxsize=4)
def _client(key: str, api_base: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        # The client's own default is none.
        max_network_retries=2,
        base_addresses={"api": api_base},
        http_client=stripe.RequestsClient(timeout=TIMEOUT),
    )


def converse(work: Callable[[stripe.StripeClient], T]) -> T:
    """Run one conversation with Stripe; its errors leave here as ours.

    `from None`: the library's errors carry the answer's body, which may hold a client secret.
    """
    key = str(settings.STRIPE_API_KEY)
    if not key:
        raise NotConfigured("STRIPE_API_KEY is not set: cards cannot be charged.")
    try:
        return work(_client(key, str(settings.STRIPE_API_BASE).rstrip("/")))
    except stripe.StripeError as error:
        raise _translate(error) from None


def _translate(error: stripe.StripeError) -> GatewayError:
    status = error.http_status or 0
    body: Any = error.json_body
    detail: Any = body.get("error") if isinstance(body, dict) else None
    if not isinstance(detail, dict):
        detail = {}
    code = str(error.code or detail.get("code") or "")
    kind = type(error).__name__
    message = f"{kind} {status or '-'} {code or '-'} ({error.request_id or 'no request id'})"
    if isinstance(error, stripe.CardError):
        decline = str(detail.get("decline_code") or code)
        return CardDeclined(message, code=code, decline_code=decline)
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    is_replayed = headers.get("idempotent-replayed") == "true"
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        # Our key, not this call: it will work once somebody has repaired the key.
        logger.error("Stripe refuses our API key", extra={"gateway_error": message})
        return GatewayError(message, code=code)
    if isinstance(error, stripe.IdempotencyError) and status == 400:
        return GatewayError(message, code=code, permanent=True, is_key_spent=True)
    if isinstance(error, stripe.InvalidRequestError) and status in (400, 404):
        return GatewayError(message, code=code, permanent=True, is_key_spent=is_replayed)
    return GatewayError(message, code=code, is_key_spent=is_replayed)

"""GoHighLevel's webhooks: an Ed25519 signature over the raw body, and a time in the body."""

from __future__ import annotations

import base64
import binascii
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature as WrongSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings

from hmnp.core import transactions
from hmnp.core.errors import InvalidSignature
from integrations.errors import ConnectorError, Postponed
from integrations.ghl import news
from integrations.inbound import VerifiedEvent, body_hash, short_text
from integrations.models import InboxEvent
from integrations.states import Destination, InboxState, Provider

logger = logging.getLogger(__name__)

# GHL retries for 70 minutes and does not say whether a retry gets a new time.
OLDEST = timedelta(hours=2)
NEWEST = timedelta(minutes=5)


def verify(body: bytes, headers: Mapping[str, str], now: datetime) -> VerifiedEvent:
    """Give the event in `body` when GHL signed it within the last two hours.

    Raises `InvalidSignature`: missing, wrong, stale, from the future, or no key is configured.
    """
    key = _public_key()
    try:
        signature = base64.b64decode(headers.get("X-GHL-Signature", ""), validate=True)
        key.verify(signature, body)
    except (binascii.Error, ValueError, WrongSignature):
        raise InvalidSignature from None
    try:
        document = json.loads(body)
        signed_at = _instant(document["timestamp"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise InvalidSignature from None
    if not now - OLDEST <= signed_at <= now + NEWEST:
        raise InvalidSignature
    appointment = document.get("appointment")
    subject = appointment if isinstance(appointment, dict) else document
    return VerifiedEvent(
        provider=Provider.GHL,
        event_id=short_text(document.get("webhookId"), limit=255) or body_hash(body),
        type=short_text(document.get("type"), limit=100),
        object_id=short_text(subject.get("id"), limit=255),
        body=body,
    )


def act(event: InboxEvent) -> InboxState:
    """Look at what an event is about, as the CRM has it now, and act on what somebody did there.

    The type is not relied on: GHL's own examples name deletions as creations. Raises `NotYetKnown`
    for an appointment that nothing here stands for (yet), `ConnectorError` when the CRM cannot be
    asked.
    """
    body = json.loads(bytes(event.body))
    if Destination.GHL.value in settings.INTEGRATIONS_OFF:
        return InboxState.IGNORED
    if body.get("locationId") not in (None, "", settings.GHL_LOCATION_ID):
        return InboxState.IGNORED
    now = transactions.database_now()
    try:
        if event.type.startswith("Appointment"):
            return news.hear_appointment(
                appointment_id=event.object_id, since=event.received_at, now=now
            )
        if event.type.startswith("Contact"):
            return news.hear_contact(contact_id=event.object_id)
    except Postponed as later:
        raise ConnectorError(later.reason) from None
    # What sales do with opportunities is theirs; notes and tasks are not ours, either.
    return InboxState.IGNORED


def _public_key() -> Ed25519PublicKey:
    pem = str(settings.GHL_WEBHOOK_PUBLIC_KEY).replace("\\n", "\n").strip()
    if pem:
        try:
            key = load_pem_public_key(pem.encode())
        except ValueError:
            key = None
        if isinstance(key, Ed25519PublicKey):
            return key
    logger.error("GHL_WEBHOOK_PUBLIC_KEY holds no Ed25519 key: every webhook of GHL is refused")
    raise InvalidSignature


def _instant(value: Any) -> datetime:
    """Read a time written as RFC 3339, or as seconds or milliseconds since 1970."""
    if isinstance(value, bool):
        raise ValueError(value)
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, tz=UTC)
    written = datetime.fromisoformat(value)
    return written if written.tzinfo else written.replace(tzinfo=UTC)

"""Proof's webhooks: hex HMAC-SHA256 of the raw body under our own signing key.

No time is signed, so a recorded delivery can be sent again: an event is only a hint, and the same
bytes are stored once.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from datetime import datetime

from django.conf import settings

from hmnp.core.errors import InvalidSignature
from integrations.inbound import VerifiedEvent, body_hash, short_text
from integrations.models import InboxEvent
from integrations.states import InboxState, Provider

logger = logging.getLogger(__name__)


def verify(body: bytes, headers: Mapping[str, str], now: datetime) -> VerifiedEvent:  # noqa: ARG001 -- Proof signs no time
    """Give the event in `body` when it is signed with our key.

    Raises `InvalidSignature`: missing, wrong, not a JSON object, or no key is configured.
    """
    secret = str(settings.PROOF_WEBHOOK_SIGNING_KEY).strip()
    if not secret:
        logger.error("PROOF_WEBHOOK_SIGNING_KEY is not set: every webhook of Proof is refused")
        raise InvalidSignature
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    sent = headers.get("X-Notarize-Signature", "").encode()
    if not hmac.compare_digest(expected.encode(), sent):
        raise InvalidSignature
    try:
        document = json.loads(body)
        data = document.get("data") or {}
        return VerifiedEvent(
            provider=Provider.PROOF,
            event_id=body_hash(body),
            type=short_text(document.get("event"), limit=100),
            object_id=short_text(data.get("transaction_id"), limit=255),
            body=body,
        )
    except (ValueError, AttributeError, RecursionError):
        raise InvalidSignature from None


def act(event: InboxEvent) -> InboxState:  # noqa: ARG001 -- nothing in it is acted on yet
    """Keep the event: no connector acts on Proof's events yet."""
    return InboxState.UNHANDLED

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
from uuid import UUID

from django.conf import settings

from bookings.models import Booking
from bookings.sessions import ENDED
from hmnp.core import transactions
from hmnp.core.errors import InvalidSignature
from integrations.inbound import NotYetKnown, VerifiedEvent, body_hash, short_text
from integrations.models import InboxEvent
from integrations.proof import client, holdings, identity, mirroring
from integrations.proof.mapping import Transaction
from integrations.states import InboxState, Provider

logger = logging.getLogger(__name__)

_IDENTITY_FAILED = "transaction.signer.kba_failed"


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


def act(event: InboxEvent) -> InboxState:
    """Fetch the transaction an event is about, and let our side follow it.

    Raises `NotYetKnown` while the transaction may still be one of ours, and `ConnectorError`.
    """
    if not event.type.startswith("transaction.") or not event.object_id:
        return InboxState.IGNORED
    if holdings.is_former(transaction_id=event.object_id):
        return InboxState.DONE
    held = client.get(transaction_id=event.object_id)
    ref = holdings.booking_of(transaction_id=event.object_id)
    if ref is None:
        if held is None or not _is_of_a_booking(held):
            return InboxState.IGNORED
        raise NotYetKnown("a transaction whose making is not written down yet")
    if held is None:
        mirroring.note_deletion(ref=ref)
        return InboxState.DONE
    if event.type == _IDENTITY_FAILED and held.session not in ENDED:
        identity.note_failure(booking_id=ref.booking_id, transaction_id=held.id)
    mirroring.mirror(booking_id=ref.booking_id, transaction=held, now=transactions.database_now())
    return InboxState.DONE


def _is_of_a_booking(held: Transaction) -> bool:
    """Tell whether a transaction was made by us, and not by hand on Proof's own pages."""
    try:
        booking_id = UUID(held.external_id)
    except ValueError:
        return False
    is_open = held.session not in ENDED
    return is_open and Booking.objects.filter(pk=booking_id).exists()

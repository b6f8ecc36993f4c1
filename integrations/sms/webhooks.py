"""Twilio's status callbacks: what became of a text, signed over our public address.

No time is signed, so a recorded one can be sent again: a status only ever moves on.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from django.conf import settings

from hmnp.core import transactions
from hmnp.core.errors import InvalidSignature
from integrations import message_fate
from integrations.inbound import NotYetKnown, VerifiedEvent, short_text
from integrations.models import InboxEvent, OutboxJob
from integrations.sms import client
from integrations.states import Destination, InboxState, Provider

logger = logging.getLogger(__name__)

# By then the job has learnt its text's id, by its answer or by looking it up, or never will.
_UNKNOWN_FOR = timedelta(hours=2)


def verify(body: bytes, headers: Mapping[str, str], now: datetime) -> VerifiedEvent:  # noqa: ARG001 -- Twilio signs no time
    """Give the event in `body` when it is signed with our token for our public address.

    Raises `InvalidSignature`: missing, wrong, not a form about a message, or no token configured.
    """
    token = str(settings.TWILIO_AUTH_TOKEN).strip()
    if not token:
        logger.error("TWILIO_AUTH_TOKEN is not set: every status callback is refused")
        raise InvalidSignature
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise InvalidSignature from None
    sent = headers.get("X-Twilio-Signature", "").encode()
    if not hmac.compare_digest(signature(url=client.status_url(), pairs=pairs, token=token), sent):
        raise InvalidSignature
    form = dict(pairs)
    sid, status = form.get("MessageSid", ""), form.get("MessageStatus", "")
    if not sid or not status:
        raise InvalidSignature
    return VerifiedEvent(
        provider=Provider.TWILIO,
        event_id=short_text(f"{sid}:{status}", limit=255),
        type=short_text(status, limit=100),
        object_id=short_text(sid, limit=255),
        # The numbers in it are of no use here, and personal.
        body=form.get("ErrorCode", "").encode(),
    )


def signature(*, url: str, pairs: list[tuple[str, str]], token: str) -> bytes:
    """Give the signature of a form that was posted to `url`."""
    text = url + "".join(name + value for name, value in sorted(set(pairs)))
    digest = hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest)


def act(event: InboxEvent) -> InboxState:
    """Note the fate of the text. Raises `NotYetKnown` while no job says that it sent it."""
    job = OutboxJob.objects.filter(
        destination=Destination.SMS.value, external_id=event.object_id
    ).first()
    if job is None:
        if transactions.database_now() - event.received_at > _UNKNOWN_FOR:
            return InboxState.IGNORED
        raise NotYetKnown("no message of ours has this id yet")
    code = bytes(event.body).decode()
    message_fate.record(job=job, status=event.type, reason=f"code {code}" if code else "")
    return InboxState.DONE

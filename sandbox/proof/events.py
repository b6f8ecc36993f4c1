"""Proof's webhooks (V2): what is told, and how it is signed."""

from __future__ import annotations

import hashlib
import hmac
import json

from sandbox import webhooks
from sandbox.proof.call import instant
from sandbox.store import Store
from sandbox.wire import Json, token

KINDS = (
    "transaction.created",
    "transaction.updated",
    "transaction.deleted",
    "transaction.expired",
    "transaction.recalled",
    "transaction.declined",
    "transaction.held_for_review",
    "transaction.sent_to_signer",
    "transaction.document.upload",
    "transaction.document.processed",
    "transaction.meeting.requested",
    "transaction.meeting.created",
    "transaction.meeting.failed",
    "transaction.meeting.video.processed",
    "transaction.signer.kba_passed",
    "transaction.signer.kba_failed",
    "transaction.partially_completed",
    "transaction.completed",
    "transaction.completed_with_rejections",
    "transaction.released",
)


def _sign(payload: bytes, secret: str, at: int) -> dict[str, str]:  # noqa: ARG001 - no time is signed
    digest = hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "Proof webhooks sandbox",
        "X-Notarize-Signature": digest,
    }


def _write(event: Json) -> bytes:
    return json.dumps({"event": event["event"], "data": event["data"]}).encode()


SCHEME = webhooks.Scheme(
    system="proof",
    endpoint_kind="proof_endpoint",
    event_kind="proof_event",
    endpoint_prefix="wh_",
    sign=_sign,
    write=_write,
)


def record(*, store: Store, kind: str, transaction: Json, **more: object) -> Json:
    """Keep what happened to a transaction and queue it for whoever subscribed to it."""
    event: Json = {
        "id": "pe_" + token(20),
        "event": kind,
        "created": int(store.now()),
        "data": {
            "transaction_id": transaction["id"],
            "date_occurred": instant(store.now()),
            **more,
        },
    }
    store.insert(kind=SCHEME.event_kind, doc=event, parent=transaction["id"])
    endpoints = webhooks.listeners(store=store, scheme=SCHEME, kind=kind)
    webhooks.queue(store=store, event_id=event["id"], endpoints=endpoints)
    return event

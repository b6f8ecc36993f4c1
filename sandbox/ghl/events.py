"""GoHighLevel's webhooks: flat bodies under an Ed25519 signature.

The key pair is the sandbox's own and comes from a fixed seed, so that the site's local settings
can know its public half. It opens nothing real.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sandbox import webhooks
from sandbox.ghl.call import Call
from sandbox.wire import Json

_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"sandbox: GoHighLevel").digest())
PUBLIC_PEM = (
    _KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
)
# The real one waits ten minutes between its tries, and makes six after a 429; none otherwise.
RETRIES, RETRY_SECONDS = 6, 1.0


def _sign(payload: bytes, secret: str, at: int) -> dict[str, str]:  # noqa: ARG001 - one key for all
    return {
        "Content-Type": "application/json",
        "User-Agent": "GoHighLevel webhooks sandbox",
        "X-GHL-Signature": base64.b64encode(_KEY.sign(payload)).decode(),
    }


def _pause(attempts: int, status: int) -> float | None:
    return RETRY_SECONDS if status == 429 and attempts <= RETRIES else None


def _write(event: Json) -> bytes:
    return json.dumps(event["body"]).encode()


SCHEME = webhooks.Scheme(
    system="ghl",
    endpoint_kind="ghl_endpoint",
    event_kind="ghl_event",
    endpoint_prefix="ghlwh_",
    sign=_sign,
    write=_write,
    pause=_pause,
    needs_secret=False,
)


def record(call: Call, kind: str, *, subject: str, **fields: object) -> None:
    """Keep what happened and queue it for every endpoint, in the change's own transaction."""
    name = str(uuid.uuid4())
    event: Json = {
        "id": name,
        "type": kind,
        "created": int(call.store.now()),
        "body": {
            "type": kind,
            "locationId": call.config.ghl_location,
            "timestamp": call.now,
            "webhookId": name,
            **fields,
        },
    }
    call.store.insert(kind=SCHEME.event_kind, doc=event, parent=subject)
    endpoints = webhooks.listeners(store=call.store, scheme=SCHEME, kind=kind)
    webhooks.queue(store=call.store, event_id=name, endpoints=endpoints)

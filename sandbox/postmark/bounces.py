"""Mail that is taken and then comes back: which, and how Postmark's webhook tells of it."""

from __future__ import annotations

import base64
import json
import secrets
from datetime import UTC, datetime
from urllib.parse import urlsplit

from sandbox import webhooks
from sandbox.store import Store
from sandbox.wire import Json, MalformedBody, Request, Response, Route, as_json

# Its number, and whether the address is inactive from then on.
TYPES = {
    "HardBounce": (1, True),
    "SoftBounce": (4096, False),
    "Transient": (2, False),
    "Blocked": (100006, False),
    "BadEmailAddress": (100000, True),
    "SpamComplaint": (100001, True),
}
_KNOB = "mail.bouncing"
_SECONDS = 0.2


def _headers(_payload: bytes, secret: str, _at: int) -> dict[str, str]:
    """Postmark signs nothing; it sends the user and password of the address it was given."""
    return {
        "Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}",
        "Content-Type": "application/json",
        "User-Agent": "Postmark sandbox",
    }


def _payload(event: Json) -> bytes:
    return json.dumps(event["payload"]).encode()


SCHEME = webhooks.Scheme(
    system="postmark",
    endpoint_kind="mail_webhook",
    event_kind="mail_event",
    endpoint_prefix="pmw_",
    sign=_headers,
    write=_payload,
)


def tracking_url(*, webhook_url: str) -> str:
    """Return where the site listens for the fate of mail, beside its other webhooks."""
    parts = urlsplit(webhook_url)
    return f"{parts.scheme}://{parts.netloc}/anymail/postmark/tracking/" if webhook_url else ""


def routes(*, store: Store) -> tuple[Route, ...]:
    """Return the knob, and those of the webhook."""

    def bounce(request: Request) -> Response:
        """Let what is mailed to an address come back from now on."""
        try:
            wish = request.json()
            address, kind = str(wish["address"]).lower(), str(wish.get("type", "HardBounce"))
            if kind not in TYPES:
                raise ValueError(kind)
        except (MalformedBody, KeyError, TypeError, AttributeError, ValueError):
            hint = f'send {{"address": "…", "type": one of {", ".join(TYPES)}}}'
            return as_json({"error": hint}, status=400)
        with store.transaction():
            store.set_knob(_KNOB, {**store.knob(_KNOB, {}), address: kind})
        return as_json({"bouncing": store.knob(_KNOB)})

    return (
        Route(method="POST", pattern="/_sandbox/mails/bounce", handler=bounce),
        *webhooks.routes(store=store, scheme=SCHEME),
    )


def plan(*, store: Store, mail: Json) -> None:
    """Set a timer for a mail just taken that will come back, inside its transaction."""
    if _fate(store, mail):
        store.set_timer(system="postmark", kind="bounce", ref=mail["id"], seconds=_SECONDS)


def tell(*, store: Store, mail: Json) -> None:
    """Let a mail come back, and tell the webhooks."""
    fate = _fate(store, mail)
    if fate is None:
        return
    address, kind = fate
    number, is_final = TYPES[kind]
    if is_final:
        store.set_knob("mail.inactive", sorted({*store.knob("mail.inactive", []), address}))
    event: Json = {
        "id": f"pme_{secrets.token_hex(12)}",
        "created": int(store.now()),
        "type": kind,
        "payload": {
            "RecordType": "SpamComplaint" if kind == "SpamComplaint" else "Bounce",
            "ID": secrets.randbelow(2**53),
            "Type": kind,
            "TypeCode": number,
            "Name": kind,
            "Tag": mail["tag"],
            "MessageID": mail["id"],
            "Metadata": mail["metadata"],
            "ServerID": 1,
            "MessageStream": mail["stream"],
            "Description": "The server was unable to deliver your message",
            "Details": f"smtp;550 5.1.1 {address}: no such user",
            "Email": address,
            "From": mail["from"],
            "BouncedAt": datetime.fromtimestamp(store.now(), UTC).isoformat(),
            "DumpAvailable": False,
            "Inactive": is_final,
            "CanActivate": kind != "SpamComplaint",
            "Subject": mail["subject"],
        },
    }
    store.insert(kind=SCHEME.event_kind, doc=event, parent=mail["id"])
    endpoints = webhooks.listeners(store=store, scheme=SCHEME, kind=kind)
    webhooks.queue(store=store, event_id=event["id"], endpoints=endpoints)


def _fate(store: Store, mail: Json) -> tuple[str, str] | None:
    bouncing = store.knob(_KNOB, {})
    for address in mail["to"]:
        if kind := bouncing.get(address.lower()):
            return address.lower(), kind
    return None

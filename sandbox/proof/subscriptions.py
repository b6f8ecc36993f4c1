"""Proof's own calls for webhooks (V2)."""

from __future__ import annotations

from sandbox import webhooks
from sandbox.proof.call import Call
from sandbox.proof.errors import Refused
from sandbox.proof.events import KINDS, SCHEME
from sandbox.wire import Json

_FIELDS = {"url", "subscriptions", "signing_key", "headers", "request_id_header_name"}


def subscribe(call: Call) -> Json:
    """Subscribe an address to events."""
    try:
        endpoint = webhooks.add_endpoint(
            store=call.store,
            scheme=SCHEME,
            url=_url(call),
            # Proof signs with the API key when no key is given; ours is always given.
            secret=_signing_key(call),
            enabled_events=_wanted(call),
        )
    except webhooks.BadEndpoint as error:
        raise Refused(str(error)) from error
    return _shown(endpoint)


def read(call: Call) -> Json:
    """Return one subscription."""
    return _shown(_find(call))


def change(call: Call) -> Json:
    """Change a subscription."""
    endpoint = _find(call)
    endpoint |= {"url": _url(call), "enabled_events": _wanted(call)}
    if "signing_key" in call.params:
        endpoint["secret"] = _signing_key(call)
    return _shown(call.store.replace(doc=endpoint))


def remove(call: Call) -> Json:
    """End a subscription."""
    _find(call)
    webhooks.remove_endpoint(store=call.store, scheme=SCHEME, name=call.ref)
    return {}


def told(call: Call) -> list[Json]:
    """Return what was sent to a subscription, newest first."""
    _find(call)
    rows = call.store.rows(
        "SELECT o.doc ->> '$.event' AS event, o.doc -> '$.data' AS data, d.state FROM deliveries d "
        "JOIN objects o ON o.id = d.event WHERE d.endpoint = ? ORDER BY d.id DESC LIMIT 200",
        (call.ref,),
    )
    return [dict(row) for row in rows]


def _find(call: Call) -> Json:
    endpoint = call.store.get(kind=SCHEME.endpoint_kind, key=call.ref)
    if endpoint is None:
        raise Refused("Webhook Not Found", status=404)
    return endpoint


def _shown(endpoint: Json) -> Json:
    return {
        "id": endpoint["id"],
        "url": endpoint["url"],
        "subscriptions": endpoint["enabled_events"],
    }


def _url(call: Call) -> str:
    if unknown := set(call.params) - _FIELDS:
        raise Refused(f"Unknown parameter: {', '.join(sorted(unknown))}", status=400)
    url = call.params.get("url")
    if not isinstance(url, str) or not url:
        raise Refused("url is required")
    return url


def _signing_key(call: Call) -> str:
    key = call.params.get("signing_key")
    if not isinstance(key, str) or not key:
        raise Refused("sandbox_not_played: give a signing_key of your own", status=400)
    return key


def _wanted(call: Call) -> list[str]:
    wanted = call.params.get("subscriptions")
    if not isinstance(wanted, list) or not wanted:
        raise Refused("subscriptions is required")
    if unknown := [one for one in wanted if one not in (*KINDS, "transaction.*")]:
        raise Refused(f"Unknown subscription: {unknown[0]}")
    return list(KINDS) if "transaction.*" in wanted else [str(one) for one in wanted]

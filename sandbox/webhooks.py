"""Webhook endpoints of any system, and the queue of what they are to be told.

What differs between systems is in their `Scheme`: how a delivery is written and signed, and when
one that was not taken is sent again. `courier` delivers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.config import is_loopback_url
from sandbox.store import Store
from sandbox.systems import Panel
from sandbox.wire import Json, MalformedBody, Request, Response, Route, as_json, token

BACKOFF_SECONDS = (0.25, 0.5, 1, 2, 5, 10, 20, 30)


class BadEndpoint(ValueError):
    """The webhook endpoint asked for cannot be used."""


def back_off(attempts: int, status: int) -> float | None:  # noqa: ARG001 - other systems look at it
    """Return the seconds until a delivery is tried again: always, ever more slowly."""
    return BACKOFF_SECONDS[min(attempts, len(BACKOFF_SECONDS)) - 1]


def pretty(event: Json) -> bytes:
    """Write an event as it is kept."""
    return json.dumps(event, indent=2).encode()


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """How one system tells its webhooks.

    `sign` gives the headers of a payload under the endpoint's secret at a time in seconds. `pause`
    gives the seconds until the next try after so many attempts, the last of which was answered
    with that status (0: not at all), or None to give up.
    """

    system: str
    endpoint_kind: str
    event_kind: str
    endpoint_prefix: str
    sign: Callable[[bytes, str, int], dict[str, str]]
    write: Callable[[Json], bytes] = pretty
    pause: Callable[[int, int], float | None] = back_off
    needs_secret: bool = True


def sibling(*, url: str, name: str) -> str:
    """Return the address beside another one: `…/webhooks/stripe` to `…/webhooks/{name}`."""
    return f"{url.rpartition('/')[0]}/{name}" if url else ""


def configure_endpoint(*, store: Store, scheme: Scheme, url: str, secret: str) -> Json:
    """Set where the configured endpoint is; it keeps its undelivered events when it moves."""
    with store.transaction():
        for found in store.select(kind=scheme.endpoint_kind):
            if found["configured"]:
                check_endpoint(scheme=scheme, url=url, secret=secret)
                return store.replace(doc=found | {"url": url, "secret": secret})
        return add_endpoint(store=store, scheme=scheme, url=url, secret=secret, configured=True)


def check_endpoint(*, scheme: Scheme, url: str, secret: str) -> None:
    """Raise BadEndpoint for an address outside this machine or a missing secret."""
    if not is_loopback_url(url=url):
        raise BadEndpoint("the sandbox delivers to http addresses on loopback only")
    if scheme.needs_secret and not secret:
        raise BadEndpoint("a webhook endpoint needs a secret")


def add_endpoint(
    *,
    store: Store,
    scheme: Scheme,
    url: str,
    secret: str,
    enabled_events: list[str] | None = None,
    configured: bool = False,
) -> Json:
    """Add a webhook endpoint, or set the secret of the one with this URL; loopback only."""
    check_endpoint(scheme=scheme, url=url, secret=secret)
    with store.transaction():
        for found in store.select(kind=scheme.endpoint_kind):
            if found["url"] == url:
                found |= {"secret": secret, "enabled_events": enabled_events or ["*"]}
                return store.replace(doc=found)
        doc: Json = {
            "id": scheme.endpoint_prefix + token(23),
            "object": "webhook_endpoint",
            "configured": configured,
            "created": int(store.now()),
            "enabled_events": enabled_events or ["*"],
            "secret": secret,
            "url": url,
        }
        return store.insert(kind=scheme.endpoint_kind, doc=doc)


def remove_endpoint(*, store: Store, scheme: Scheme, name: str) -> bool:
    """Remove a webhook endpoint and what is still to be delivered to it."""
    with store.transaction():
        removed = store.run(
            "DELETE FROM objects WHERE kind = ? AND id = ?", (scheme.endpoint_kind, name)
        )
        if removed:
            store.run("DELETE FROM deliveries WHERE endpoint = ? AND state = 'pending'", (name,))
        return bool(removed)


def listeners(*, store: Store, scheme: Scheme, kind: str) -> list[Json]:
    """Return the endpoints that want events of a kind."""
    return [
        endpoint
        for endpoint in store.select(kind=scheme.endpoint_kind)
        if "*" in endpoint["enabled_events"] or kind in endpoint["enabled_events"]
    ]


def queue(*, store: Store, event_id: str, endpoints: list[Json]) -> None:
    """Queue a stored event for endpoints, as often as the knobs say, inside a transaction."""
    copies = 1 + int(store.knob("webhooks.duplicate", 0))
    dropped = int(store.knob("webhooks.drop", 0))
    for endpoint in endpoints:
        state = "dropped" if dropped else "pending"
        for _ in range(copies):
            store.run(
                "INSERT INTO deliveries (event, endpoint, state, next_at) VALUES (?,?,?,?)",
                (event_id, endpoint["id"], state, time.time()),
            )
    if dropped > 0 and endpoints:
        store.set_knob("webhooks.drop", dropped - 1)


def resend(*, store: Store, scheme: Scheme, event_id: str) -> int:
    """Queue an event again, to every endpoint there is now; return how many."""
    endpoints = store.select(kind=scheme.endpoint_kind)
    for endpoint in endpoints:
        store.run(
            "INSERT INTO deliveries (event, endpoint, next_at) VALUES (?,?,0)",
            (event_id, endpoint["id"]),
        )
    return len(endpoints)


def routes(*, store: Store, scheme: Scheme) -> tuple[Route, ...]:
    """Return a system's knobs: its endpoints, and an event told again."""
    base = f"/_sandbox/{scheme.system}"

    def get_endpoints(_request: Request) -> Response:
        return as_json({"data": store.select(kind=scheme.endpoint_kind)})

    def post_endpoint(request: Request) -> Response:
        try:
            body = request.json()
            if not isinstance(body, dict):
                raise MalformedBody("send a JSON object")
            endpoint = add_endpoint(
                store=store,
                scheme=scheme,
                url=str(body.get("url", "")),
                secret=str(body.get("secret", "")),
                enabled_events=body.get("enabled_events"),
            )
        except (MalformedBody, BadEndpoint) as error:
            return as_json({"error": {"message": str(error)}}, status=400)
        return as_json(endpoint)

    def delete_endpoint(request: Request) -> Response:
        name = request.refs["id"]
        if not remove_endpoint(store=store, scheme=scheme, name=name):
            return as_json({"error": {"message": f"no endpoint {name}"}}, status=404)
        return as_json({"id": name, "deleted": True})

    def post_resend(request: Request) -> Response:
        name = request.refs["id"]
        with store.transaction():
            if store.get(kind=scheme.event_kind, key=name) is None:
                return as_json({"error": {"message": f"no event {name}"}}, status=404)
            count = resend(store=store, scheme=scheme, event_id=name)
        return as_json({"id": name, "queued": count})

    return (
        Route(method="GET", pattern=f"{base}/webhook_endpoints", handler=get_endpoints),
        Route(method="POST", pattern=f"{base}/webhook_endpoints", handler=post_endpoint),
        Route(method="DELETE", pattern=f"{base}/webhook_endpoints/{{id}}", handler=delete_endpoint),
        Route(method="POST", pattern=f"{base}/events/{{id}}/resend", handler=post_resend),
    )


def panels(*, store: Store, scheme: Scheme, title: str = "") -> list[Panel]:
    """Return a system's newest webhook deliveries and its endpoints for the page."""
    deliveries = store.rows(
        "SELECT d.*, coalesce(json_extract(e.doc, '$.type'), json_extract(e.doc, '$.event'), '') "
        "AS type FROM deliveries d JOIN objects e ON e.id = d.event AND e.kind = ? "
        "ORDER BY d.id DESC LIMIT 60",
        (scheme.event_kind,),
    )
    endpoints = store.select(kind=scheme.endpoint_kind)
    name = f"{title} w" if title else "W"
    return [
        Panel(
            title=f"{name}ebhook deliveries",
            columns=("Event", "Type", "State", "Attempts", "Last answer"),
            rows=[
                (
                    row["event"],
                    row["type"],
                    row["state"],
                    str(row["attempts"]),
                    row["last_error"] or str(row["last_status"] or ""),
                )
                for row in deliveries
            ],
            empty="No event has been queued for an endpoint yet.",
        ),
        Panel(
            title=f"{name}ebhook endpoints",
            columns=("Endpoint", "Address", "Events"),
            rows=[(e["id"], e["url"], ", ".join(e["enabled_events"])) for e in endpoints],
            empty="None: events are kept, but nobody is told.",
        ),
    ]

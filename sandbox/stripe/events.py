"""Events: written in the same transaction as what they tell of, with one delivery an endpoint."""

from __future__ import annotations

from sandbox import webhooks
from sandbox.stripe.call import API_VERSION, Call, Endpoint
from sandbox.stripe.errors import invalid, missing
from sandbox.stripe.objects import list_objects, shown
from sandbox.stripe.params import EXPAND, PAGING, RANGE, TEXT, Param
from sandbox.stripe.webhooks import SCHEME
from sandbox.wire import Json, token

LISTED_SECONDS = 30 * 24 * 3600


def record_event(call: Call, kind: str, doc: Json, *, previous: Json | None = None) -> Json:
    """Store an event about an object as it is now, and queue it for every webhook endpoint."""
    data: Json = {"object": shown(doc)}
    if previous:
        data["previous_attributes"] = previous
    endpoints = webhooks.listeners(store=call.store, scheme=SCHEME, kind=kind)
    event: Json = {
        "id": "evt_" + token(24),
        "object": "event",
        "api_version": API_VERSION,
        "created": call.now,
        "data": data,
        "livemode": False,
        "pending_webhooks": len(endpoints),
        "request": {
            "id": call.request_id or None,
            "idempotency_key": call.idempotency_key,
        },
        "type": kind,
    }
    call.store.insert(kind="event", doc=event, parent=doc["id"])
    webhooks.queue(store=call.store, event_id=event["id"], endpoints=endpoints)
    return event


_UNDELIVERED = (
    "EXISTS (SELECT 1 FROM deliveries d WHERE d.event = objects.id AND d.state != 'delivered')"
)


def _with_pending(call: Call, event: Json) -> Json:
    found = call.store.rows(
        "SELECT count(DISTINCT endpoint) AS n FROM deliveries "
        "WHERE event = ? AND state = 'pending'",
        (event["id"],),
    )
    return {**event, "pending_webhooks": found[0]["n"]}


def list_events(call: Call) -> Json:
    """List events of the last 30 days by type, time and whether every webhook took them."""
    types = call.params.get("types") or []
    if call.params.get("type"):
        if types:
            raise invalid("You may only specify one of these parameters: type, types.")
        types = [call.params["type"]]
    clauses: list[str] = ["created > ?"]
    args: list[str | int] = [call.now - LISTED_SECONDS]
    if types:
        patterns = [_pattern(item) for item in types]
        clauses.append(
            "(" + " OR ".join(["json_extract(doc, '$.type') GLOB ?"] * len(patterns)) + ")"
        )
        args += patterns
    wanted = call.params.get("delivery_success")
    if wanted is not None:
        clauses.append(f"NOT {_UNDELIVERED}" if wanted else _UNDELIVERED)
    page = list_objects(
        call, kind="event", url="/v1/events", where=" AND ".join(clauses), args=tuple(args)
    )
    return {**page, "data": [_with_pending(call, event) for event in page["data"]]}


def _pattern(kind: str) -> str:
    if not all(part.replace("_", "").isalnum() or part == "*" for part in kind.split(".")):
        raise invalid(f"Invalid event type: {kind}", param="type")
    return kind


def retrieve_event(call: Call) -> Json:
    """Return one event."""
    event = call.store.get(kind="event", key=call.ref)
    if event is None:
        raise missing("event", call.ref)
    return _with_pending(call, event)


ENDPOINTS = (
    Endpoint(
        method="GET",
        pattern="/v1/events",
        run=list_events,
        spec={
            **PAGING,
            "created": RANGE,
            "delivery_success": Param(kind="boolean"),
            "type": TEXT,
            "types": Param(kind="list"),
        },
    ),
    Endpoint(method="GET", pattern="/v1/events/{id}", run=retrieve_event, spec={"expand": EXPAND}),
)

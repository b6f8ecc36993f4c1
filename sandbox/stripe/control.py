"""Stripe's own knobs: webhook endpoints and delivery, a confirm without a browser, disputes."""

from __future__ import annotations

from collections.abc import Callable

from sandbox import webhooks
from sandbox.config import Config
from sandbox.store import Store
from sandbox.stripe import cards, disputes, intent_steps, refunds
from sandbox.stripe.api import base_url
from sandbox.stripe.call import Call
from sandbox.stripe.errors import ApiError, invalid, missing
from sandbox.stripe.objects import shown
from sandbox.stripe.webhooks import SCHEME
from sandbox.wire import Json, MalformedBody, Request, Response, Route, as_json

_KNOBS = {"duplicate": int, "shuffle": bool, "paused": bool, "drop": int}
_SECONDS = ("processing_seconds", "refund_seconds")


def routes(*, store: Store, config: Config) -> tuple[Route, ...]:
    """Return the knobs' routes."""

    def route(method: str, pattern: str, work: Callable[[Call], Json]) -> Route:
        def handler(request: Request) -> Response:
            try:
                body = request.json()
                if not isinstance(body, dict):
                    raise MalformedBody("send a JSON object")
                call = Call(
                    store=store,
                    config=config,
                    params=body,
                    ref=request.refs.get("id", ""),
                    publishable=True,
                    base_url=base_url(request, config),
                )
                with store.transaction():
                    return as_json(work(call))
            except ApiError as error:
                return as_json({"error": error.body}, status=error.status)
            except (MalformedBody, webhooks.BadEndpoint) as error:
                return as_json({"error": {"message": str(error)}}, status=400)

        return Route(method=method, pattern=pattern, handler=handler)

    return (
        route("GET", "/_sandbox/webhook_endpoints", _list_endpoints),
        route("POST", "/_sandbox/webhook_endpoints", _add_endpoint),
        route("DELETE", "/_sandbox/webhook_endpoints/{id}", _remove_endpoint),
        route("GET", "/_sandbox/webhooks", _knobs),
        route("POST", "/_sandbox/webhooks", _set_knobs),
        route("POST", "/_sandbox/events/{id}/resend", _resend),
        route("POST", "/_sandbox/confirm", _confirm),
        route("POST", "/_sandbox/disputes", _open_dispute),
        route("POST", "/_sandbox/disputes/{id}/close", _close_dispute),
    )


def _list_endpoints(call: Call) -> Json:
    return {"data": call.store.select(kind=SCHEME.endpoint_kind)}


def _add_endpoint(call: Call) -> Json:
    return webhooks.add_endpoint(
        store=call.store,
        scheme=SCHEME,
        url=str(call.params.get("url", "")),
        secret=str(call.params.get("secret", "")),
        enabled_events=call.params.get("enabled_events"),
    )


def _remove_endpoint(call: Call) -> Json:
    if not webhooks.remove_endpoint(store=call.store, scheme=SCHEME, name=call.ref):
        raise missing("webhook_endpoint", call.ref)
    return {"id": call.ref, "deleted": True}


def _knobs(call: Call) -> Json:
    values: Json = {
        name: call.store.knob(f"webhooks.{name}", kind()) for name, kind in _KNOBS.items()
    }
    values["processing_seconds"] = call.store.knob(
        "processing_seconds", call.config.processing_seconds
    )
    values["refund_seconds"] = call.store.knob("refund_seconds", refunds.SETTLE_SECONDS)
    waiting = call.store.rows("SELECT count(*) AS n FROM deliveries WHERE state = 'pending'")
    values["pending"] = waiting[0]["n"]
    return values


def _set_knobs(call: Call) -> Json:
    for name, value in call.params.items():
        if name in _SECONDS:
            if not isinstance(value, (int, float)) or isinstance(value, bool) or value < 0:
                raise invalid(f"{name} is a number of seconds", param=name)
            call.store.set_knob(name, value)
        elif name in _KNOBS:
            if type(value) is not _KNOBS[name]:
                raise invalid(f"{name} must be of type {_KNOBS[name].__name__}", param=name)
            call.store.set_knob(f"webhooks.{name}", value)
        else:
            raise invalid(
                f"unknown knob {name}; there are {', '.join([*_KNOBS, *_SECONDS])}", param=name
            )
    return _knobs(call)


def _resend(call: Call) -> Json:
    """Queue an event again, to every endpoint there is now."""
    if call.store.get(kind="event", key=call.ref) is None:
        raise missing("event", call.ref)
    queued = webhooks.resend(store=call.store, scheme=SCHEME, event_id=call.ref)
    return {"id": call.ref, "queued": queued}


def _confirm(call: Call) -> Json:
    """Confirm an intent as its browser would, with a card's number or name."""
    intent = call.store.get(kind="payment_intent", key=str(call.params.get("payment_intent", "")))
    if intent is None:
        raise missing("payment_intent", str(call.params.get("payment_intent", "")))
    card = cards.find_card(wish=str(call.params.get("card", "pm_card_visa")))
    authenticate = call.params.get("authenticate")
    if card is None:
        raise invalid(f"No test card {call.params.get('card')}", param="card")
    call.ref = intent["id"]
    call.params = {
        "client_secret": intent["client_secret"],
        "payment_method": card.name,
        "use_stripe_sdk": True,
    }
    result = intent_steps.confirm_intent(call)
    if authenticate is not None and not isinstance(result, ApiError):
        result = intent_steps.authenticate_intent(call, passed=bool(authenticate))
    current = call.store.get(kind="payment_intent", key=intent["id"]) or intent
    return shown(current)


def _open_dispute(call: Call) -> Json:
    return disputes.open_dispute(
        call,
        charge_id=str(call.params.get("charge", "")),
        intent_id=str(call.params.get("payment_intent", "")),
    )


def _close_dispute(call: Call) -> Json:
    return disputes.close_dispute(call, won=call.params.get("status", "lost") == "won")

"""Twilio's own knobs: numbers that opted out or cannot be reached, and what was sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.store import Store
from sandbox.twilio.api import KIND
from sandbox.wire import Json, MalformedBody, Request, Response, Route, as_json


def routes(*, store: Store) -> tuple[Route, ...]:
    """Return the knobs' routes."""

    def knob(work: Callable[[Any], Json], hint: str) -> Callable[[Request], Response]:
        def handler(request: Request) -> Response:
            try:
                with store.transaction():
                    return as_json(work(request.json()))
            except (MalformedBody, KeyError, TypeError, ValueError):
                return as_json({"error": f"send {hint}"}, status=400)

        return handler

    def opt_out(wish: Any) -> Json:
        """Take STOP (or START again) from a number."""
        numbers = set(store.knob("sms.opted_out", []))
        number = str(wish["number"])
        numbers = numbers - {number} if wish.get("back") else numbers | {number}
        store.set_knob("sms.opted_out", sorted(numbers))
        return {"opted_out": sorted(numbers)}

    def fail(wish: Any) -> Json:
        """Let what goes to a number end undelivered, or failed before it was sent."""
        status = str(wish.get("status", "undelivered"))
        if status not in {"undelivered", "failed", "delivered"}:
            raise ValueError(status)
        failing = store.knob("sms.failing", {})
        number = str(wish["number"])
        if status == "delivered":
            failing.pop(number, None)
        else:
            failing[number] = {"status": status, "code": int(wish.get("code", 30003))}
        store.set_knob("sms.failing", failing)
        return {"failing": failing}

    def pace(wish: Any) -> Json:
        """Set how long a message stays queued, and then sent."""
        store.set_knob("sms.seconds", float(wish["seconds"]))
        return {"seconds": float(wish["seconds"])}

    def listing(request: Request) -> Response:
        wish = request.query_values()
        found = store.select(kind=KIND, tail="ORDER BY seq DESC")
        for name in ("to", "reference", "status"):
            if value := wish.get(name):
                found = [message for message in found if message[name] == value]
        if text := wish.get("body", "").lower():
            found = [message for message in found if text in message["body"].lower()]
        return as_json({"data": found})

    return (
        Route(method="GET", pattern="/_sandbox/sms", handler=listing),
        Route(
            method="POST",
            pattern="/_sandbox/sms/opt_out",
            handler=knob(opt_out, '{"number": "+1…"}, with "back": true to take it back'),
        ),
        Route(
            method="POST",
            pattern="/_sandbox/sms/fail",
            handler=knob(
                fail, '{"number": "+1…", "status": "undelivered|failed|delivered", "code": 30003}'
            ),
        ),
        Route(method="POST", pattern="/_sandbox/sms/pace", handler=knob(pace, '{"seconds": 0.2}')),
    )

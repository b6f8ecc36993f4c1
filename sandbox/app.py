"""Put store, systems, knobs and page together and answer requests by route."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from sandbox import control, page
from sandbox.config import Config
from sandbox.ghl import Ghl
from sandbox.google import Google
from sandbox.postmark import Postmark
from sandbox.proof import Proof
from sandbox.store import Store
from sandbox.stripe import Stripe
from sandbox.systems import System
from sandbox.twilio import Twilio
from sandbox.wire import Request, Response, Route, as_json


def build_systems(*, store: Store, config: Config) -> tuple[System, ...]:
    """Return every outside system the sandbox plays; a new one is one more line here."""
    return (
        Postmark(store=store, config=config),
        Stripe(store=store, config=config),
        Ghl(store=store, config=config),
        Proof(store=store, config=config),
        Google(store=store, config=config),
        Twilio(store=store, config=config),
    )


class App:
    """Everything the sandbox answers."""

    def __init__(self, *, config: Config) -> None:
        """Open the ledger and set up the systems."""
        self.config = config
        self.store = Store(path=config.data)
        self.systems = build_systems(store=self.store, config=config)
        self._clockwork = control.Clockwork(store=self.store, systems=self.systems)
        shared = (
            Route(method="GET", pattern="/healthz", handler=_health),
            Route(
                method="GET",
                pattern="/",
                handler=page.handler(store=self.store, systems=self.systems),
            ),
            *control.routes(store=self.store, systems=self.systems, clockwork=self._clockwork),
        )
        self._routes: Sequence[tuple[str, Route]] = (
            *(("sandbox", route) for route in shared),
            *((system.name, route) for system in self.systems for route in system.routes),
        )

    def start(self) -> None:
        """Start timers and the systems' background work."""
        threading.Thread(target=self._clockwork.run, name="clockwork", daemon=True).start()
        for system in self.systems:
            system.start()

    def stop(self) -> None:
        """Stop the background work; the ledger needs no closing, every answer is committed."""
        self._clockwork.stop()
        for system in self.systems:
            system.stop()

    def find(self, *, method: str, path: str) -> tuple[str, Route, dict[str, str]] | None:
        """Return the system, route and named parts for a request, or None."""
        wanted = "GET" if method == "HEAD" else method
        for system, route in self._routes:
            if route.method == wanted and (refs := route.match(path=path)) is not None:
                return system, route, refs
        return None

    def nothing_here(self, request: Request) -> Response:
        """Answer a path that nobody has."""
        return as_json({"error": f"nothing at {request.method} {request.path}"}, status=404)


def _health(_request: Request) -> Response:
    return as_json({"status": "ok"})

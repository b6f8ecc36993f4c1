"""The knobs every system shares: faults, the clock, the ledger and the wipe."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from sandbox.faults import BadFault, clear_faults, list_faults, plan_fault
from sandbox.store import Store
from sandbox.systems import System
from sandbox.wire import Json, MalformedBody, Request, Response, Route, as_json


class Clockwork:
    """Run the systems' timers when they are due on the sandbox's clock."""

    def __init__(self, *, store: Store, systems: Sequence[System]) -> None:
        """Run timers kept in `store`."""
        self._store = store
        self._systems = {system.name: system for system in systems}
        self._stopped = threading.Event()

    def run(self) -> None:
        """Run due timers until stopped."""
        while not self._stopped.wait(timeout=0.2):
            self.run_due()

    def stop(self) -> None:
        """Stop."""
        self._stopped.set()

    def run_due(self) -> int:
        """Run what is due now, each with its removal in one transaction; return how many."""
        count = 0
        while True:
            with self._store.transaction():
                found = self._store.rows(
                    "SELECT * FROM timers WHERE due <= ? ORDER BY due, id LIMIT 1",
                    (self._store.now(),),
                )
                if not found:
                    return count
                timer = found[0]
                self._store.run("DELETE FROM timers WHERE id = ?", (timer["id"],))
                self._systems[timer["system"]].run_timer(kind=timer["kind"], ref=timer["ref"])
                count += 1


def full_ledger(*, systems: Sequence[System]) -> Json:
    """Return what all systems hold, by kind."""
    dump: Json = {}
    for system in systems:
        dump |= system.ledger()
    return dump


def routes(*, store: Store, systems: Sequence[System], clockwork: Clockwork) -> tuple[Route, ...]:
    """Return the shared knobs' routes."""

    def add_fault(request: Request) -> Response:
        try:
            return as_json(plan_fault(store=store, wish=request.json()), status=201)
        except (BadFault, MalformedBody) as error:
            return as_json({"error": str(error)}, status=400)

    def get_faults(_request: Request) -> Response:
        return as_json({"data": list_faults(store=store)})

    def delete_faults(request: Request) -> Response:
        given = request.refs.get("id", "")
        number = int(given) if given.isdigit() else None
        return as_json({"deleted": clear_faults(store=store, number=number)})

    def ledger(_request: Request) -> Response:
        with store.transaction():
            return as_json(full_ledger(systems=systems))

    def advance(request: Request) -> Response:
        try:
            seconds = float(request.json()["seconds"])
        except (MalformedBody, KeyError, TypeError, ValueError):
            return as_json({"error": 'send {"seconds": 60}'}, status=400)
        if seconds < 0:
            return as_json({"error": "the clock only moves forward"}, status=400)
        now = store.advance(seconds=seconds)
        return as_json({"now": now, "ran": clockwork.run_due()})

    def reset(_request: Request) -> Response:
        with store.transaction():
            store.wipe()
            for system in systems:
                system.reset()
        return as_json({"reset": True})

    return (
        Route(method="POST", pattern="/_sandbox/faults", handler=add_fault),
        Route(method="GET", pattern="/_sandbox/faults", handler=get_faults),
        Route(method="DELETE", pattern="/_sandbox/faults", handler=delete_faults),
        Route(method="DELETE", pattern="/_sandbox/faults/{id}", handler=delete_faults),
        Route(method="GET", pattern="/_sandbox/ledger", handler=ledger),
        Route(method="POST", pattern="/_sandbox/advance", handler=advance),
        Route(method="POST", pattern="/_sandbox/reset", handler=reset),
    )

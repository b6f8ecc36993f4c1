"""Listening to what the actions state, without being in the way of who else listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hmnp.core import events
from hmnp.core.events import Event, subscribe


@contextmanager
def heard(*types: type[Event]) -> Iterator[list[Event]]:
    """Collect the facts of these types that are stated inside; then stop listening."""
    facts: list[Event] = []
    before = {kind: list(events._handlers[kind]) for kind in types}
    for kind in types:
        subscribe(kind, facts.append)
    try:
        yield facts
    finally:
        for kind, handlers in before.items():
            events._handlers[kind][:] = handlers

"""Facts: a lower app states what happened, whoever lives above reacts in the same transaction.

A reaction writes rows only; the network happens later, from those rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

from django.db import transaction


class Event:
    """A past-tense fact; subclasses are frozen dataclasses in their app's `events.py`."""


E = TypeVar("E", bound=Event)

_handlers: dict[type[Event], list[Callable[..., None]]] = defaultdict(list)


class EmittedOutsideTransaction(RuntimeError):
    """A fact was stated where its reactions could not be undone with it."""


def subscribe(event_type: type[E], handler: Callable[[E], None]) -> None:
    """Run `handler` for every emitted `event_type`; once, however often it is subscribed."""
    if handler not in _handlers[event_type]:
        _handlers[event_type].append(handler)


def emit(event: Event) -> None:
    """State a fact inside the transaction that made it true.

    Raises `EmittedOutsideTransaction`, and whatever a handler raises (which undoes the whole).
    """
    if not transaction.get_connection().in_atomic_block:
        raise EmittedOutsideTransaction(type(event).__name__)
    for handler in _handlers[type(event)]:
        handler(event)


def event_types() -> set[type[Event]]:
    """Give every event type that is declared, subscribed or not."""
    found: set[type[Event]] = set()
    pending: list[type[Event]] = [Event]
    while pending:
        for subclass in pending.pop().__subclasses__():
            found.add(subclass)
            pending.append(subclass)
    return found

"""The outside systems the sandbox plays: one package each, listed in `build_systems`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sandbox.wire import Json, Route


@dataclass(frozen=True, kw_only=True)
class Holding:
    """One thing an outside system holds, as the page shows it."""

    system: str
    what: str
    status: str
    booking_id: str = ""
    reference: str = ""
    payment_id: str = ""
    amount: str = ""
    detail: str = ""
    link: str = ""
    at: float = 0


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One more table of a system for the page; `links` are the addresses of the first cells."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    links: Sequence[str] = ()
    empty: str = "Nothing yet."


class System(Protocol):
    """What a module under `sandbox/` offers to be one of the systems."""

    name: str
    title: str
    routes: tuple[Route, ...]

    def start(self) -> None:
        """Start background work."""

    def stop(self) -> None:
        """Stop background work."""

    def reset(self) -> None:
        """Set up again after a wipe what the configuration names."""

    def run_timer(self, *, kind: str, ref: str) -> None:
        """Do what a timer of this system was set for, inside a transaction."""

    def ledger(self) -> Json:
        """Return all that is held, by kind."""

    def holdings(self) -> Sequence[Holding]:
        """Return what the page shows per booking, newest first."""

    def panels(self) -> Sequence[Panel]:
        """Return further tables for the page."""

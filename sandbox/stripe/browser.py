"""Stripe's browser side: the script, the Payment Element's frame and the 3-D Secure page."""

from __future__ import annotations

from sandbox.config import Config
from sandbox.store import Store
from sandbox.wire import Route


def routes(*, store: Store, config: Config) -> tuple[Route, ...]:
    """Return the routes of what a browser loads."""
    return ()

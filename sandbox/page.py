"""The page at `/`: what each outside system holds, per booking."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.store import Store
from sandbox.systems import System
from sandbox.wire import Handler, Request, Response, as_html


def handler(*, store: Store, systems: Sequence[System]) -> Handler:
    """Return what answers `/`."""

    def show(_request: Request) -> Response:
        return as_html("<!doctype html><title>Sandbox</title>")

    return show

"""Google as the sandbox plays it, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from integrations.google_calendar import client

# One client for all: each new one reads every certificate of the machine first.
_web = httpx.Client(timeout=10)


class Outside:
    """What a notary does in Google's pages, what goes wrong, and what Google holds."""

    def __init__(self, url: str) -> None:
        self.url = url

    def act(self, knob: str, **body: Any) -> dict[str, Any]:
        answer = _web.post(f"{self.url}/_sandbox/{knob}", json=body)
        assert answer.status_code < 300, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def google(self, knob: str, **body: Any) -> dict[str, Any]:
        return self.act(f"google/{knob}", **body)

    def events(self, *, with_deleted: bool = False) -> list[dict[str, Any]]:
        found = _web.get(f"{self.url}/_sandbox/ledger").json()["google_events"]
        return [one for one in found if with_deleted or one["status"] != "cancelled"]

    def fault(self, action: str, **match: str) -> None:
        ms = {"delay": 20}.get(action, 30_000)
        self.act("faults", action=action, ms=ms, match={"system": "google", **match})


@pytest.fixture
def outside(sandbox_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    """An empty sandbox, which is waited for only briefly."""
    monkeypatch.setattr(client, "TIMEOUT", httpx.Timeout(0.4))
    outside = Outside(sandbox_url)
    outside.act("reset")
    yield outside
    client._tokens.clear()

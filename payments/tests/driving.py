"""The outside world of these tests: a sandbox process, and a customer's browser talking to it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
# One client for all: each new one reads every certificate of the machine first.
web = httpx.Client(timeout=20, limits=httpx.Limits(max_keepalive_connections=0))


def free_port() -> int:
    """Ask the system for a port nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Stripe:
    """Stripe as the sandbox plays it, in a process of its own."""

    data: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "sandbox", "--quiet"),
                *("--port", str(self.port), "--data", str(self.data)),
            ],
            cwd=ROOT,
            # No line of the sandbox is measured, and being traced would slow it down.
            env={**os.environ, "COVERAGE_PROCESS_CONFIG": ""},
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if web.get(f"{self.url}/healthz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("the sandbox did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=10)

    def turn(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Turn a knob."""
        answer = web.post(f"{self.url}/_sandbox/{path}", json=body or {})
        assert answer.status_code < 300, answer.text
        return answer.json()

    def fail(
        self, action: str, *, path: str, method: str = "POST", times: int = 1, **more: Any
    ) -> None:
        """Let the next matching requests go wrong."""
        wish = {"match": {"method": method, "path": path}, "action": action, "times": times, **more}
        self.turn("faults", wish)

    def heal(self) -> None:
        """Forget every planned fault."""
        web.delete(f"{self.url}/_sandbox/faults")

    def pay(self, intent_id: str, client_secret: str, card: str = "pm_card_visa") -> dict[str, Any]:
        """Confirm an intent as a browser does."""
        answer = web.post(
            f"{self.url}/v1/payment_intents/{intent_id}/confirm",
            headers={"Authorization": "Bearer pk_test_sandbox"},
            data={"client_secret": client_secret, "payment_method": card},
        )
        body: dict[str, Any] = answer.json()
        return body

    def ask(self, method: str, path: str, **data: str) -> dict[str, Any]:
        """Call the API with the secret key."""
        answer = web.request(
            method,
            f"{self.url}/v1/{path}",
            headers={"Authorization": "Bearer sk_test_sandbox"},
            params=data if method == "GET" else None,
            data=data if method == "POST" else None,
        )
        body: dict[str, Any] = answer.json()
        return body

    def intents(self) -> list[dict[str, Any]]:
        """Give every intent, newest first."""
        found: list[dict[str, Any]] = self.ask("GET", "payment_intents", limit="100")["data"]
        return found

    def refunds(self) -> list[dict[str, Any]]:
        """Give every refund, newest first."""
        found: list[dict[str, Any]] = self.ask("GET", "refunds", limit="100")["data"]
        return found

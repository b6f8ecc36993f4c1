"""What the tests drive: a sandbox process, Stripe's real client, a receiver for webhooks."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import stripe

ROOT = Path(__file__).resolve().parents[2]
SECRET = "whsec_sandbox"
# One client for all: each new one reads every certificate of the machine first.
web = httpx.Client(timeout=20, limits=httpx.Limits(max_keepalive_connections=0))


def free_port() -> int:
    """Ask the system for a port nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], Any], seconds: float = 15) -> Any:
    """Return the first true value of the condition; fail when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("it did not become true in time")


@dataclass
class Running:
    """One sandbox process."""

    data: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *flags: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--port", str(self.port), "--data", str(self.data),
             "--quiet", *flags],
            cwd=ROOT,
            # No line of the sandbox is measured, and being traced would slow it down.
            env={**os.environ, "COVERAGE_PROCESS_CONFIG": ""},
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_for(self._answers, seconds=15)

    def _answers(self) -> bool:
        try:
            return web.get(f"{self.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """End it as kill -9 does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=10)

    def http(self, **extra: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=20, **extra)

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Turn a knob."""
        answer = web.post(self.url + path, json=body or {}, timeout=20)
        assert answer.status_code < 300, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def ledger(self) -> dict[str, Any]:
        result: dict[str, Any] = web.get(f"{self.url}/_sandbox/ledger").json()
        return result

    def client(self, key: str = "sk_test_sandbox", retries: int = 0) -> stripe.StripeClient:
        return stripe.StripeClient(
            key,
            max_network_retries=retries,
            base_addresses={"api": self.url},
            http_client=stripe.RequestsClient(timeout=10),
        )


@dataclass
class Receiver:
    """A webhook endpoint that checks signatures with Stripe's own library."""

    url: str = ""
    status: int = 200
    events: list[stripe.Event] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    refused: int = 0

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]


def make_intent(client: stripe.StripeClient, **extra: Any) -> stripe.PaymentIntent:
    """Create an intent for 42.50 USD by card."""
    params: Any = {
        "amount": 4250,
        "currency": "usd",
        "allowed_payment_method_types": ["card"],
        "metadata": {"booking_id": "b-1", "payment_id": "p-1", "reference": "HMNP-1"},
        **extra,
    }
    return client.v1.payment_intents.create(params)


def paid_intent(client: stripe.StripeClient, card: str = "pm_card_visa") -> stripe.PaymentIntent:
    """Create an intent and pay it."""
    return client.v1.payment_intents.confirm(make_intent(client).id, {"payment_method": card})

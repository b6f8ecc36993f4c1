"""A running sandbox, the real Stripe client against it, and a receiver for its webhooks."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe

from sandbox.tests.driving import SECRET, Receiver, Running, free_port


@pytest.fixture(autouse=True)
def _unmeasured(no_cover: None) -> None:
    """Trace nothing here: the sandbox imports no app, and only the apps are measured."""


@pytest.fixture(scope="session")
def _shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(data=tmp_path_factory.mktemp("sandbox") / "s.sqlite3", port=free_port())
    running.start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def sandbox(_shared_sandbox: Running) -> Running:
    """An empty sandbox."""
    _shared_sandbox.post("/_sandbox/reset")
    return _shared_sandbox


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[Running]:
    """A sandbox of this test alone, which it may kill."""
    running = Running(data=tmp_path / "s.sqlite3", port=free_port())
    running.start()
    yield running
    running.kill()


@pytest.fixture
def api(sandbox: Running) -> stripe.StripeClient:
    """Stripe's real client with the secret key, without retries of its own."""
    return sandbox.client()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Listen for webhooks."""
    box = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            signature = self.headers["Stripe-Signature"]
            if box.status == 200:
                box.events.append(stripe.Webhook.construct_event(body, signature, SECRET))
                box.signatures.append(signature)
            else:
                box.refused += 1
            self.send_response(box.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    box.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield box
    server.shutdown()
    server.server_close()

"""The program itself: its page, its ports, and what a kill -9 leaves."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
import stripe

from sandbox.tests.driving import (
    ROOT,
    Receiver,
    Running,
    free_port,
    make_intent,
    paid_intent,
    wait_for,
    web,
)


def test_health_is_ok_and_connections_are_kept(sandbox: Running) -> None:
    with sandbox.http() as client:
        for _ in range(3):
            answer = client.get("/healthz")
            assert (answer.status_code, answer.http_version) == (200, "HTTP/1.1")
            assert answer.headers.get("Connection") != "close"


def test_killed_amid_traffic_it_keeps_every_answered_call(own_sandbox: Running) -> None:
    """Whatever a client was told exists; whatever exists is whole; a repeat makes no twin."""
    answered: dict[str, str] = {}
    sent: list[str] = []
    stop = threading.Event()

    def work(name: int) -> None:
        client = own_sandbox.client()
        turn = 0
        while not stop.is_set():
            key = f"key-{name}-{turn}"
            turn += 1
            sent.append(key)
            try:
                intent = client.v1.payment_intents.create(
                    {"amount": 500, "currency": "usd", "allowed_payment_method_types": ["card"],
                     "confirm": True, "payment_method": "pm_card_visa",
                     "metadata": {"key": key}},
                    {"idempotency_key": key},
                )  # fmt: skip
            except stripe.APIConnectionError:
                return
            answered[key] = intent.id

    for _ in range(4):
        threads = [threading.Thread(target=work, args=(len(sent) * 10 + n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        already = len(answered)
        wait_for(lambda: len(answered) >= already + 8, seconds=30)  # noqa: B023 - called at once
        own_sandbox.kill()
        stop.set()
        for thread in threads:
            thread.join()
        stop.clear()
        own_sandbox.start()
    ledger = own_sandbox.ledger()
    held = {pi["metadata"]["key"]: pi for pi in ledger["payment_intents"]}
    assert len(held) == len(ledger["payment_intents"])
    assert {key: held[key]["id"] for key in answered} == answered
    charged = [charge["payment_intent"] for charge in ledger["charges"]]
    assert sorted(charged) == sorted(pi["id"] for pi in held.values())
    assert {pi["status"] for pi in held.values()} == {"succeeded"}
    told = [e["data"]["object"]["id"] for e in ledger["events"]
            if e["type"] == "payment_intent.succeeded"]  # fmt: skip
    assert sorted(told) == sorted(pi["id"] for pi in held.values())
    client = own_sandbox.client()
    for key in sent[-8:]:
        again = client.v1.payment_intents.create(
            {"amount": 500, "currency": "usd", "allowed_payment_method_types": ["card"],
             "confirm": True, "payment_method": "pm_card_visa", "metadata": {"key": key}},
            {"idempotency_key": key},
        )  # fmt: skip
        if key in held:
            assert again.id == held[key]["id"]


def test_a_taken_port_is_named(sandbox: Running, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "--port", str(sandbox.port), "--data",
         str(tmp_path / "x.sqlite3")],
        cwd=ROOT, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"127.0.0.1:{sandbox.port}" in done.stderr


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "--host", "0.0.0.0", "--port", str(free_port()),  # noqa: S104 - refused
         "--data", str(tmp_path / "x.sqlite3")],
        cwd=ROOT, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "loopback only" in done.stderr


def test_it_needs_little_but_the_standard_library(tmp_path: Path) -> None:
    script = (
        "import sandbox.server, sys\n"
        "print(*{name.partition('.')[0] for name, module in list(sys.modules.items())"
        " if 'site-packages' in (getattr(module, '__file__', None) or '')})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT, capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    # What measures the suite comes along with every Python it starts.
    known = {"cryptography", "_cffi_backend", "_distutils_hack", "coverage"}
    assert set(done.stdout.split()) <= known


def test_the_configured_webhook_endpoint_survives_a_reset(
    tmp_path: Path, receiver: Receiver
) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--quiet", "--port", str(port), "--data",
         str(tmp_path / "x.sqlite3"), "--webhook-url", receiver.url, "--webhook-secret", "whsec_1"],
        cwd=ROOT, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(100):
            try:
                web.get(f"{url}/healthz")
                break
            except httpx.TransportError:
                time.sleep(0.05)
        web.post(f"{url}/_sandbox/reset")
        found = web.get(f"{url}/_sandbox/webhook_endpoints").json()["data"]
        assert [(each["url"], each["secret"]) for each in found] == [(receiver.url, "whsec_1")]
    finally:
        process.terminate()
        assert process.wait(timeout=10) == 0


def test_the_page_shows_per_booking_what_is_held(
    sandbox: Running, api: stripe.StripeClient
) -> None:
    intent = paid_intent(api)
    api.v1.refunds.create({"payment_intent": intent.id, "amount": 100})
    make_intent(api, metadata={"payment_id": "p-9", "reference": "<b>"})
    web.post(
        f"{sandbox.url}/postmark/email",
        json={"From": "a@example.com", "To": "c@example.com", "Subject": "Your <receipt>",
              "TextBody": "x", "Metadata": {"booking_id": "b-1"}},
        headers={"X-Postmark-Server-Token": "postmark_sandbox"},
    )  # fmt: skip
    sandbox.post("/_sandbox/faults", {"action": "error_429", "match": {"path": "/v1/refunds"}})
    text = web.get(sandbox.url + "/").text
    for part in ("HMNP-1 · booking b-1", intent.id, "42.50 USD", "refunded 1.00",
                 "Your &lt;receipt&gt;", "&lt;b&gt;", "Active faults", "path /v1/refunds",
                 "Webhook deliveries"):  # fmt: skip
        assert part in text
    assert "<b>" not in text


@pytest.mark.parametrize("path", ["/nothing", "/_sandbox/nothing", "/stripe/../etc/passwd"])
def test_what_nobody_has_is_a_404(sandbox: Running, path: str) -> None:
    assert web.get(sandbox.url + path).status_code == 404


def test_a_body_without_a_length_is_refused(sandbox: Running) -> None:
    with socket.create_connection(("127.0.0.1", sandbox.port)) as line:
        line.sendall(
            b"POST /v1/refunds HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        assert b" 411 " in line.recv(200)


@pytest.mark.parametrize("body", [{}, {"seconds": "soon"}, {"seconds": -1}])
def test_the_clock_only_moves_forward(sandbox: Running, body: dict[str, object]) -> None:
    assert web.post(f"{sandbox.url}/_sandbox/advance", json=body).status_code == 400

"""Webhook endpoints and the worker that delivers events until each is taken."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from sandbox.config import is_loopback_url
from sandbox.store import Store
from sandbox.wire import Json, token

BACKOFF_SECONDS = (0.25, 0.5, 1, 2, 5, 10, 20, 30)
ATTEMPT_SECONDS = 20
SHUFFLE_SECONDS = 0.4
_AT_ONCE = 4


class BadEndpoint(ValueError):
    """The webhook endpoint asked for cannot be used."""


def sign(*, payload: bytes, secret: str, at: int) -> str:
    """Return the Stripe-Signature header of a payload."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def configure_endpoint(*, store: Store, url: str, secret: str) -> Json:
    """Set where the configured endpoint is; it keeps its undelivered events when it moves."""
    with store.transaction():
        for found in store.select(kind="webhook_endpoint"):
            if found["configured"]:
                check_endpoint(url=url, secret=secret)
                return store.replace(doc=found | {"url": url, "secret": secret})
        return add_endpoint(store=store, url=url, secret=secret, configured=True)


def check_endpoint(*, url: str, secret: str) -> None:
    """Raise BadEndpoint for an address outside this machine or an empty secret."""
    if not is_loopback_url(url=url):
        raise BadEndpoint("the sandbox delivers to http addresses on loopback only")
    if not secret:
        raise BadEndpoint("a webhook endpoint needs a secret")


def add_endpoint(
    *,
    store: Store,
    url: str,
    secret: str,
    enabled_events: list[str] | None = None,
    configured: bool = False,
) -> Json:
    """Add a webhook endpoint, or set the secret of the one with this URL; loopback only."""
    check_endpoint(url=url, secret=secret)
    with store.transaction():
        for found in store.select(kind="webhook_endpoint"):
            if found["url"] == url:
                found |= {"secret": secret, "enabled_events": enabled_events or ["*"]}
                return store.replace(doc=found)
        doc: Json = {
            "id": "we_1" + token(23),
            "object": "webhook_endpoint",
            "configured": configured,
            "created": int(store.now()),
            "enabled_events": enabled_events or ["*"],
            "secret": secret,
            "url": url,
        }
        return store.insert(kind="webhook_endpoint", doc=doc)


def remove_endpoint(*, store: Store, name: str) -> bool:
    """Remove a webhook endpoint and what is still to be delivered to it."""
    with store.transaction():
        store.run("DELETE FROM deliveries WHERE endpoint = ? AND state = 'pending'", (name,))
        return bool(
            store.run("DELETE FROM objects WHERE kind = 'webhook_endpoint' AND id = ?", (name,))
        )


class Courier:
    """Deliver due webhooks in the background, each attempt freshly signed."""

    def __init__(self, *, store: Store) -> None:
        """Deliver from the queue in `store`."""
        self._store = store
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._flying: set[int] = set()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="webhook")
        store.listeners.append(self._wake.set)

    def run(self) -> None:
        """Deliver until stopped."""
        while not self._stopped.is_set():
            self._wake.clear()
            if self._store.knob("webhooks.paused", False) or not self._send_due():
                self._wake.wait(timeout=0.2)

    def stop(self) -> None:
        """Stop; what is under way is delivered again after the next start unless it was taken."""
        self._stopped.set()
        self._wake.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _send_due(self) -> bool:
        shuffled = bool(self._store.knob("webhooks.shuffle", False))
        # A shuffled batch waits a little, so that there is something to shuffle.
        until = time.time() - (SHUFFLE_SECONDS if shuffled else 0)
        with self._lock:
            room = _AT_ONCE - len(self._flying)
            flying = set(self._flying)
        if room <= 0:
            return False
        # Attempts are timed by the real clock: an advanced one must not empty the back-off.
        due = [
            row["id"]
            for row in self._store.rows(
                "SELECT id FROM deliveries WHERE state = 'pending' AND next_at <= ? "
                "ORDER BY next_at, id LIMIT 200",
                (until,),
            )
            if row["id"] not in flying
        ]
        if shuffled:
            random.shuffle(due)
        for number in due[:room]:
            with self._lock:
                self._flying.add(number)
            self._pool.submit(self._deliver, number)
        return bool(due[:room])

    def _deliver(self, number: int) -> None:
        try:
            self._attempt(number)
        finally:
            with self._lock:
                self._flying.discard(number)
            self._wake.set()

    def _attempt(self, number: int) -> None:
        found = self._store.rows("SELECT * FROM deliveries WHERE id = ?", (number,))
        if not found or found[0]["state"] != "pending":
            return
        row = found[0]
        event = self._store.get(kind="event", key=row["event"])
        endpoint = self._store.get(kind="webhook_endpoint", key=row["endpoint"])
        if event is None or endpoint is None:
            return
        status, error = post(url=endpoint["url"], event=event, secret=endpoint["secret"])
        attempts = row["attempts"] + 1
        if 200 <= status < 300:
            self._store.run(
                "UPDATE deliveries SET state = 'delivered', attempts = ?, last_status = ?, "
                "last_error = '', delivered_at = ? WHERE id = ?",
                (attempts, status, self._store.now(), number),
            )
            return
        pause = BACKOFF_SECONDS[min(attempts, len(BACKOFF_SECONDS)) - 1]
        self._store.run(
            "UPDATE deliveries SET attempts = ?, last_status = ?, last_error = ?, next_at = ? "
            "WHERE id = ?",
            (attempts, status or None, error, time.time() + pause, number),
        )


def post(*, url: str, event: Json, secret: str) -> tuple[int, str]:
    """Send one event and return the status (0 without an answer) and what went wrong."""
    payload = json.dumps(event, indent=2).encode()
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port or 80, timeout=ATTEMPT_SECONDS
    )
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(
            "POST",
            target or "/",
            body=payload,
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks) sandbox",
                "Stripe-Signature": sign(payload=payload, secret=secret, at=int(time.time())),
            },
        )
        answer = connection.getresponse()
        answer.read()
        return answer.status, "" if 200 <= answer.status < 300 else f"HTTP {answer.status}"
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{type(error).__name__}: {error}"
    finally:
        connection.close()

"""Deliver webhooks in the background until each is taken, or its system gives up."""

from __future__ import annotations

import http.client
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from sandbox.store import Store
from sandbox.webhooks import Scheme

ATTEMPT_SECONDS = 20
SHUFFLE_SECONDS = 0.4
_AT_ONCE = 4


class Courier:
    """Deliver a system's due webhooks in the background, each attempt freshly signed."""

    def __init__(self, *, store: Store, scheme: Scheme) -> None:
        """Deliver from the queue in `store` to the endpoints of one system."""
        self._store = store
        self._scheme = scheme
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._flying: set[int] = set()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="webhook")
        store.listeners.append(self._wake.set)

    def start(self) -> None:
        """Deliver in a thread of its own."""
        name = f"courier-{self._scheme.system}"
        threading.Thread(target=self.run, name=name, daemon=True).start()

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
                "SELECT d.id FROM deliveries d JOIN objects o ON o.id = d.endpoint AND o.kind = ? "
                "WHERE d.state = 'pending' AND d.next_at <= ? ORDER BY d.next_at, d.id LIMIT 200",
                (self._scheme.endpoint_kind, until),
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
        event = self._store.get(kind=self._scheme.event_kind, key=row["event"])
        endpoint = self._store.get(kind=self._scheme.endpoint_kind, key=row["endpoint"])
        if event is None or endpoint is None:
            return
        payload = self._scheme.write(event)
        headers = self._scheme.sign(payload, endpoint["secret"], int(time.time()))
        status, error = post(url=endpoint["url"], payload=payload, headers=headers)
        attempts = row["attempts"] + 1
        if 200 <= status < 300:
            self._store.run(
                "UPDATE deliveries SET state = 'delivered', attempts = ?, last_status = ?, "
                "last_error = '', delivered_at = ? WHERE id = ?",
                (attempts, status, self._store.now(), number),
            )
            return
        pause = self._scheme.pause(attempts, status)
        self._store.run(
            "UPDATE deliveries SET state = ?, attempts = ?, last_status = ?, last_error = ?, "
            "next_at = ? WHERE id = ?",
            (
                "pending" if pause is not None else "lost",
                attempts,
                status or None,
                error,
                time.time() + (pause or 0),
                number,
            ),
        )


def post(*, url: str, payload: bytes, headers: dict[str, str]) -> tuple[int, str]:
    """Send one payload and return the status (0 without an answer) and what went wrong."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port or 80, timeout=ATTEMPT_SECONDS
    )
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target or "/", body=payload, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, "" if 200 <= answer.status < 300 else f"HTTP {answer.status}"
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{type(error).__name__}: {error}"
    finally:
        connection.close()

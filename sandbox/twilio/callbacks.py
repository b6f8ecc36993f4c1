"""Status callbacks: one form an event, signed as Twilio signs, sent once and not repeated."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import secrets
import threading
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from sandbox.config import Config
from sandbox.store import Store
from sandbox.twilio.api import VERSION
from sandbox.wire import Json

KIND = "sms_callback"
_ATTEMPT_SECONDS = 15


def sign(*, url: str, form: Mapping[str, str], token: str) -> str:
    """Return the X-Twilio-Signature of a form posted to a URL."""
    text = url + "".join(name + form[name] for name in sorted(form))
    digest = hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def queue(*, store: Store, config: Config, message: Json) -> None:
    """Ask for a callback about a message as it is now, in the caller's transaction."""
    if not message["callback"]:
        return
    form = {
        "AccountSid": config.twilio_account_sid,
        "ApiVersion": VERSION,
        "From": message["from"],
        "MessageSid": message["id"],
        "MessageStatus": message["status"],
        "SmsSid": message["id"],
        "SmsStatus": message["status"],
        "To": message["to"],
    }
    if message["error_code"]:
        form["ErrorCode"] = str(message["error_code"])
    dropped = int(store.knob("webhooks.drop", 0))
    if dropped > 0:
        store.set_knob("webhooks.drop", dropped - 1)
    for _ in range(1 + int(store.knob("webhooks.duplicate", 0))):
        store.insert(
            kind=KIND,
            doc={
                "id": "cb_" + secrets.token_hex(12),
                "created": int(store.now()),
                "message": message["id"],
                "url": message["callback"],
                "form": form,
                "state": "dropped" if dropped > 0 else "pending",
                "answer": None,
                "error": "",
            },
            parent=message["id"],
        )


class Caller:
    """Send what is queued, oldest first, in the background."""

    def __init__(self, *, store: Store, config: Config) -> None:
        """Send from the queue in `store`."""
        self._store = store
        self._config = config
        self._wake = threading.Event()
        self._stopped = threading.Event()
        store.listeners.append(self._wake.set)

    def run(self) -> None:
        """Send until stopped."""
        while not self._stopped.is_set():
            self._wake.clear()
            if self._store.knob("webhooks.paused", False) or not self._send_one():
                self._wake.wait(timeout=0.5)

    def stop(self) -> None:
        """Stop; what was not sent is sent after the next start."""
        self._stopped.set()
        self._wake.set()

    def _send_one(self) -> bool:
        due = self._store.select(
            kind=KIND, where="json_extract(doc, '$.state') = 'pending'", tail="ORDER BY seq LIMIT 1"
        )
        if not due:
            return False
        callback = due[0]
        status, error = post(
            url=callback["url"], form=callback["form"], token=self._config.twilio_auth_token
        )
        state = "delivered" if 200 <= status < 300 else "failed"
        with self._store.transaction():
            # A wipe may have taken it meanwhile.
            if self._store.get(kind=KIND, key=callback["id"]) is not None:
                changes = {"state": state, "answer": status or None, "error": error}
                self._store.replace(doc=callback | changes)
        return True


def post(*, url: str, form: Mapping[str, str], token: str) -> tuple[int, str]:
    """Send one callback and return the status (0 without an answer) and what went wrong."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port or 80, timeout=_ATTEMPT_SECONDS
    )
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(
            "POST",
            target,
            body=urlencode(form),
            headers={
                "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
                "User-Agent": "TwilioProxy/1.1 sandbox",
                "I-Twilio-Idempotency-Token": secrets.token_hex(16),
                "X-Twilio-Signature": sign(url=url, form=form, token=token),
            },
        )
        answer = connection.getresponse()
        answer.read()
        return answer.status, "" if 200 <= answer.status < 300 else f"HTTP {answer.status}"
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{type(error).__name__}: {error}"
    finally:
        connection.close()

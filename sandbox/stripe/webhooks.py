"""How Stripe signs its webhooks; delivering them is `sandbox.webhooks`."""

from __future__ import annotations

import hashlib
import hmac

from sandbox.webhooks import Scheme


def sign(*, payload: bytes, secret: str, at: int) -> str:
    """Return the Stripe-Signature header of a payload."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def _headers(payload: bytes, secret: str, at: int) -> dict[str, str]:
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks) sandbox",
        "Stripe-Signature": sign(payload=payload, secret=secret, at=at),
    }


SCHEME = Scheme(
    system="stripe",
    endpoint_kind="webhook_endpoint",
    event_kind="event",
    endpoint_prefix="we_1",
    sign=_headers,
)

"""What one running sandbox is told: where it listens, its keys and its ledger."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hold the addresses, keys and files of one sandbox."""

    host: str = "127.0.0.1"
    port: int = 8100
    data: str = ".run/sandbox.sqlite3"
    secret_key: str = "sk_test_sandbox"  # noqa: S105 - a demo key that opens nothing real
    publishable_key: str = "pk_test_sandbox"
    postmark_token: str = "postmark_sandbox"  # noqa: S105 - a demo key that opens nothing real
    mail_webhook_secret: str = "postmark:sandbox"  # noqa: S105 - a demo key that opens nothing real
    twilio_account_sid: str = "ACsandbox"
    twilio_auth_token: str = "twilio_sandbox"  # noqa: S105 - a demo key that opens nothing real
    twilio_from: str = "+17135550142"
    ghl_token: str = "pit-sandbox"  # noqa: S105 - a demo key that opens nothing real
    ghl_location: str = "loc_sandbox"
    ghl_calendar: str = "cal_sandbox"
    proof_key: str = "prf_test_sandbox"
    proof_signing_key: str = "proof_sandbox"
    # Where to write the service account's file; "" writes none.
    google_service_account: str = ""
    webhook_url: str = ""
    webhook_secret: str = "whsec_sandbox"  # noqa: S105 - a demo key that opens nothing real
    processing_seconds: int = 5
    quiet: bool = False
    trusted_hosts: frozenset[str] = field(
        default=frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})
    )


def is_loopback_url(*, url: str) -> bool:
    """Tell whether an http(s) URL stays on this machine."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return False
    return is_loopback_host(host=parts.hostname)


def is_loopback_host(*, host: str) -> bool:
    """Tell whether a host name or address stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""The client's address, as far as our own proxies vouch for it."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str:
    """Give the address the outermost trusted proxy saw, or the peer's own.

    `TRUSTED_PROXY_COUNT` proxies each append one entry to X-Forwarded-For; entries further left
    are the client's word and ignored.
    """
    peer = str(request.META.get("REMOTE_ADDR") or "0.0.0.0")  # noqa: S104 -- a name for "unknown"
    hops = settings.TRUSTED_PROXY_COUNT
    if hops:
        forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
        if len(forwarded) >= hops:
            candidate = forwarded[-hops]
            try:
                return str(ipaddress.ip_address(candidate))
            except ValueError:
                return peer
    return peer


def address_key(ip: str) -> str:
    """Give what one client is counted under: an IPv4 address, or an IPv6 /64."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)

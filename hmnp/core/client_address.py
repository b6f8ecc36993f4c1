"""The client's address, as far as our own proxies vouch for it."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str:
    """Give the address the outermost of our proxies saw, or the peer's own.

    Each proxy in `TRUSTED_PROXIES` appends to X-Forwarded-For whom it heard from, so the entries
    are believed from the right for as long as a proxy of ours wrote them. What a client sends
    itself, in this header or any other, lies further left and changes nothing.
    """
    known = str(request.META.get("REMOTE_ADDR") or "0.0.0.0")  # noqa: S104 -- a name for "unknown"
    sent = request.META.get("HTTP_X_FORWARDED_FOR", "")
    proxies = tuple(settings.TRUSTED_PROXIES)
    if not sent or not proxies:
        return known
    forwarded = sent.split(",")
    while forwarded and _is_ours(known, proxies):
        sender = _as_written(forwarded.pop())
        if sender is None:
            break
        known = sender
    return known


@lru_cache(maxsize=1024)
def _as_written(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _is_ours(ip: str, proxies: tuple[str, ...]) -> bool:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    return any(address in network for network in _networks(proxies))


@lru_cache(maxsize=8)
def _networks(
    texts: tuple[str, ...],
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


@lru_cache(maxsize=1024)
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

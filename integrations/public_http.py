"""HTTP to an address somebody typed: to hosts on the internet only, never into our own network.

The name is looked up here and the very address that was judged is connected to, so that a name
that answers differently the second time gains nothing. The certificate is still the name's.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

import httpcore
import httpx
from django.conf import settings

from hmnp.core.public_addresses import is_public


class NotPublic(Exception):
    """The address leads into a private network, or is not spoken to over TLS."""


class _PublicBackend(httpcore.SyncBackend):
    """Connects to public addresses only."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to one of the host's addresses. Raises `NotPublic` when any is not public."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise httpcore.ConnectError("the host is not known") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not addresses or not all(is_public(address) for address in addresses):
            raise NotPublic
        error: Exception = httpcore.ConnectError("the host has no address")
        for address in addresses:
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error


class _PublicTransport(httpx.HTTPTransport):
    """HTTPX's transport over connections to public addresses."""

    def __init__(self) -> None:
        super().__init__(trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5,
            network_backend=_PublicBackend(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Make the request. Raises `NotPublic` when it would not be encrypted."""
        if request.url.scheme != "https":
            raise NotPublic
        return super().handle_request(request)


def new_client() -> httpx.Client:
    """Give a client that follows no redirects and, unless a setting lifts it, stays outside."""
    transport = _PublicTransport() if settings.TYPED_ADDRESSES_MUST_BE_PUBLIC else None
    return httpx.Client(follow_redirects=False, trust_env=False, transport=transport)

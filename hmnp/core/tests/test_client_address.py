"""Where a request came from: only our own proxies are believed."""

from __future__ import annotations

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from hmnp.core.client_address import address_key, client_ip


def ip(peer: str = "198.51.100.9", forwarded: str | None = None) -> str:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client_ip(RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer))


PROXY, BALANCER = "10.0.0.1", "192.0.2.7"


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("198.51.100.9", None, "198.51.100.9"),
        ("198.51.100.9", "203.0.113.1", "198.51.100.9"),
        ("198.51.100.9", "203.0.113.1, 10.0.0.1", "198.51.100.9"),
        (PROXY, None, PROXY),
        (PROXY, "", PROXY),
        (PROXY, "203.0.113.1", "203.0.113.1"),
        (PROXY, "6.6.6.6, 203.0.113.1", "203.0.113.1"),
        (PROXY, f"6.6.6.6, 203.0.113.1, {BALANCER}", "203.0.113.1"),
        (PROXY, f"{BALANCER}", BALANCER),
        (PROXY, "not an address", PROXY),
        (PROXY, "6.6.6.6, not an address", PROXY),
        (PROXY, "2001:DB8::1", "2001:db8::1"),
    ],
)
def test_a_header_is_believed_as_far_as_a_proxy_of_ours_wrote_it(
    settings: Settings, peer: str, forwarded: str | None, expected: str
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", BALANCER]
    assert ip(peer, forwarded) == expected


def test_without_proxies_no_header_is_believed(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = []
    assert ip("10.0.0.1", "203.0.113.1") == "10.0.0.1"


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("203.0.113.1", "203.0.113.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.1", "203.0.113.1"),
        ("unknown", "unknown"),
    ],
)
def test_one_client_is_counted_under_one_key(address: str, key: str) -> None:
    assert address_key(address) == key

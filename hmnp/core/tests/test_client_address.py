"""Where a request came from: only our own proxies are believed."""

from __future__ import annotations

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from hmnp.core.client_address import address_key, client_ip


def ip(peer: str = "198.51.100.9", forwarded: str | None = None) -> str:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client_ip(RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer))


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, None, "198.51.100.9"),
        (0, "203.0.113.1", "198.51.100.9"),
        (1, None, "198.51.100.9"),
        (1, "203.0.113.1", "203.0.113.1"),
        (1, "6.6.6.6, 203.0.113.1", "203.0.113.1"),
        (2, "6.6.6.6, 203.0.113.1, 10.0.0.1", "203.0.113.1"),
        (2, "203.0.113.1", "198.51.100.9"),
        (1, "not an address", "198.51.100.9"),
        (1, "2001:DB8::1", "2001:db8::1"),
    ],
)
def test_a_forged_header_changes_nothing(
    settings: Settings, proxies: int, forwarded: str | None, expected: str
) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies
    assert ip(forwarded=forwarded) == expected


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

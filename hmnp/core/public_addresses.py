"""Which addresses of the internet a server of ours may be sent to by what somebody typed."""

from __future__ import annotations

import ipaddress

# Addresses inside these stand for an IPv4 one, which may be anybody's: NAT64, 6to4, Teredo.
_WRAPPED = tuple(
    ipaddress.ip_network(text) for text in ("64:ff9b::/96", "2002::/16", "2001::/32", "::/96")
)


def is_public(address: str) -> bool:
    """Tell whether an IP address is somebody's on the internet: not private, local or a group's.

    What is no IP address is not public either.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return is_public(str(ip.ipv4_mapped))
        if any(ip in network for network in _WRAPPED):
            return False
    return ip.is_global and not ip.is_multicast

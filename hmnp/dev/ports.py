"""Loopback ports: find a free one, tell whether one is taken."""

import random
import socket

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Ask the system for a port that nobody listens on just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def quiet_port() -> int:
    """Choose a free port that no outgoing connection will be given before we listen on it."""
    while True:
        port = random.randrange(20_000, 32_000)  # noqa: S311 - a port is no secret
        if not port_is_taken(port):
            return port


def port_is_taken(port: int) -> bool:
    """Tell whether a server could not listen on this loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without it, connections of a server that has just stopped would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False

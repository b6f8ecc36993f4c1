"""One round's job for a peer, as the load generator wants it."""

from __future__ import annotations

from benchmarks.targets import Job
from hmnp.dev.ports import LOOPBACK

CLIENTS = 8


def job(port: int, seconds: float, requests: list[str], *, status: int, contains: str) -> Job:
    """Give the job: these requests in turn, after a short warm-up, each answer checked."""
    return {
        "host": LOOPBACK,
        "port": port,
        "connections": CLIENTS,
        "seconds": seconds,
        "requests": requests,
        "status": status,
        "contains": contains,
        "warm_up": min(0.5, seconds / 5),
    }

"""How often one caller may do one thing: counted in Redis by django-ratelimit, for all servers.

When Redis does not answer, what only reads goes on uncounted, and the rest is counted by each
server process on its own, at half the rate.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponseBase
from django_ratelimit.core import get_usage

from hmnp.core import health, redis_rest
from hmnp.core.client_address import address_key, client_ip
from hmnp.core.errors import RateLimited

_PERIODS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_MOST_LOCAL_COUNTS = 50_000


class Action(StrEnum):
    """What is limited; each has its setting `RATE_LIMIT_<NAME>`."""

    BOOKING = "booking"
    PRICING = "pricing"
    AVAILABILITY = "availability"
    HOLD = "hold"
    INTENT = "intent"
    CONFIRM = "confirm"
    LOGIN = "login"
    CODE = "code"


_READS = frozenset({Action.PRICING, Action.AVAILABILITY})


@dataclass(frozen=True)
class Usage:
    """Where a caller stands in the present window."""

    limit: int
    remaining: int
    reset_seconds: int
    is_over: bool

    def headers(self) -> dict[str, str]:
        """Give the `RateLimit-*` headers of an answer."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }


def parse_rate(text: str) -> tuple[int, int] | None:
    """Give the count and seconds of `5/m`, or None for `off`. Raises ValueError for anything else.

    The periods are s, m, h and d.
    """
    if text == "off":
        return None
    count, _, period = text.partition("/")
    if not count.isdecimal() or int(count) == 0 or period not in _PERIODS:
        raise ValueError(f"{text!r} is no rate: write `5/m`, or `off`")
    return int(count), _PERIODS[period]


def take(*, request: HttpRequest, action: Action, key: str, times: int = 1) -> Usage | None:
    """Count one more of `action` for the caller `key`, and give where that leaves it.

    `times` multiplies the configured rate. None: it is not limited.
    """
    rate = parse_rate(getattr(settings, f"RATE_LIMIT_{action.name}"))
    if rate is None:
        return None
    count, seconds = rate[0] * times, rate[1]
    if not redis_rest.is_resting():
        try:
            usage = get_usage(
                request,
                group=action.value,
                key=lambda _group, _request: f"{action}:{key}",
                rate=(count, seconds),
                increment=True,
            )
        except redis_rest.FAILURES:
            redis_rest.rest()
        else:
            left = max(usage["limit"] - usage["count"], 0)
            reset = max(usage["time_left"], 1)
            return Usage(usage["limit"], left, reset, bool(usage["should_limit"]))
    if action in _READS:
        return None
    return _local.take(key=f"{action}:{key}", count=max(count // 2, 1), seconds=seconds)


def limited(action: Action) -> Callable[[View], View]:
    """Make a page's POSTs count for its caller's address. Raises `RateLimited` in the page."""

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            if request.method == "POST":
                key = f"address:{address_key(client_ip(request))}"
                usage = take(request=request, action=action, key=key)
                if usage is not None and usage.is_over:
                    raise RateLimited(retry_after=usage.reset_seconds)
            return view(request, *args, **kwargs)

        return answer

    return decorate


View = Callable[..., HttpResponseBase]


class _Local:
    """Counts of this process alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[float, int]] = {}

    def take(self, *, key: str, count: int, seconds: int) -> Usage:
        """Count one more in the window that the key's first request opened."""
        now = time.monotonic()
        with self._lock:
            if len(self._counts) >= _MOST_LOCAL_COUNTS:
                self._counts = {k: v for k, v in self._counts.items() if v[0] > now}
            ends_at, used = self._counts.get(key, (0.0, 0))
            if ends_at <= now:
                ends_at, used = now + seconds, 0
            self._counts[key] = ends_at, used + 1
        left = max(count - used - 1, 0)
        return Usage(count, left, max(int(ends_at - now), 1), used >= count)


_local = _Local()


def register_check() -> None:
    """Say in `/readyz` when requests are not counted for all servers together."""
    health.register("limits", _check)


def _check() -> str | None:
    try:
        cache.get("limits:probe")
    except redis_rest.FAILURES:
        return "Redis does not answer: limits are kept by each server on its own, at half the rate"
    return None

"""`/metrics` in Prometheus's text format, for who holds the token; others find nothing here.

Apps register collectors that read their figures from the database at the moment of the scrape, so
that any one web process answers for all processes. What happens in a process is counted here.
"""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from hmnp.core import errors, tally
from hmnp.core.api.errors import error_response

CACHE = "cache"
REQUEST = "request"
STEP = "step"
LIMITS = "limits"

# Our own, not the library's global one: only what is registered here is shown.
_registry = CollectorRegistry(auto_describe=False)
_registered: set[type[Collector]] = set()


def register(collector: Collector) -> None:
    """Add a collector, once a kind."""
    if type(collector) not in _registered:
        _registered.add(type(collector))
        _registry.register(collector)


def count_cache(*, family: str, is_hit: bool, times: int = 1) -> None:
    """Count looks into the cache for one key family, such as `slots`; about a microsecond."""
    tally.count(CACHE, family, "hit" if is_hit else "miss", times=times)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with every figure, to the bearer of `METRICS_TOKEN`."""
    if not _is_allowed(request):
        return error_response(errors.NotFound())
    return HttpResponse(generate_latest(_registry), content_type=CONTENT_TYPE_LATEST)


def _is_allowed(request: HttpRequest) -> bool:
    expected = str(settings.METRICS_TOKEN)
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    if not expected or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(sent.strip().encode(), expected.encode())

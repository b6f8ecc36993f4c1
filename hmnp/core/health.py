"""Is the process up, and can it do its work? Fast answers, whatever hangs behind them.

Apps add their own checks with `register`; the core brings database, cache and broker.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from celery import current_app
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

TIMEOUT_SECONDS = 2.0
_BROKER_TIMEOUT_SECONDS = 1

# Gives a plain sentence about what is wrong, or None. Its own exceptions count as wrong.
Check = Callable[[], str | None]


@dataclass
class _Probe:
    """One check, run beside the request so that a hanging one cannot hang the answer.

    At most one run is under way: probes that come meanwhile wait for that one.
    """

    name: str
    check: Check
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _done: threading.Event | None = None
    _problem: str | None = None

    def start(self) -> threading.Event:
        """Start a run, or join the one under way; the event is set when it has ended."""
        with self._lock:
            if self._done is None or self._done.is_set():
                self._done = threading.Event()
                threading.Thread(target=self._run, args=[self._done], daemon=True).start()
            return self._done

    def result(self, done: threading.Event, *, timeout: float) -> str:
        """Give "ok" or what is wrong."""
        if not done.wait(timeout):
            return "does not answer"
        return self._problem or "ok"

    def _run(self, done: threading.Event) -> None:
        try:
            self._problem = self.check()
        except Exception as error:  # whatever the driver raises; its text may name hosts
            self._problem = f"failed: {type(error).__name__}"
        finally:
            # The thread ends here, and its database connection with it.
            connection.close()
            done.set()


_probes: dict[str, _Probe] = {}


def register(name: str, check: Check) -> None:
    """Add a check to `/readyz`; the last one registered under a name counts."""
    _probes[name] = _Probe(name=name, check=check)


def run_checks() -> dict[str, str]:
    """Run every check at once and give each one's result within `TIMEOUT_SECONDS`."""
    started = [(probe, probe.start()) for probe in _probes.values()]
    return {probe.name: probe.result(done, timeout=TIMEOUT_SECONDS) for probe, done in started}


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer that the process is up; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer whether everything needed answers too: 200, or 503 with what does not."""
    checks = run_checks()
    is_ready = all(result == "ok" for result in checks.values())
    body = {"status": "ready" if is_ready else "not ready", "checks": checks}
    return JsonResponse(body, status=200 if is_ready else 503)


def _database() -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return None


def _cache() -> str | None:
    key, value = f"readyz:{uuid.uuid4().hex}", "1"
    cache.set(key, value, timeout=10)
    is_kept = cache.get(key) == value
    cache.delete(key)
    return None if is_kept else "does not keep what it is given"


def _broker() -> str | None:
    with current_app.connection_for_write(connect_timeout=_BROKER_TIMEOUT_SECONDS) as broker:
        broker.ensure_connection(max_retries=1, timeout=_BROKER_TIMEOUT_SECONDS)
    return None


def register_core() -> None:
    """Register the checks of what every app stands on."""
    register("database", _database)
    register("cache", _cache)
    register("broker", _broker)

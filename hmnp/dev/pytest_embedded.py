"""pytest plugin: throw-away PostgreSQL and Redis for the session, before Django reads its settings.

Loaded with `-p`, so it must not import Django. Under xdist the controller starts the servers, the
workers inherit their addresses and take a Redis database each.
"""

import atexit
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hmnp.dev.embedded import Lease, acquire, are_outside_servers_given, sweep_abandoned
from hmnp.dev.guard import Guard
from hmnp.dev.state import temporary_state_dir

PREFIX = "hmnp-pytest-"

_lease: Lease | None = None
_guard: Guard | None = None


def _sweep(parent: Path) -> None:
    for folder in sweep_abandoned(parent=parent, prefix=PREFIX):
        print(f"removed the servers of a killed test run: {folder}")


def _use_own_redis_databases(worker: str) -> None:
    """Give each process two databases: one for the cache, one for Celery."""
    number = int(worker.removeprefix("gw")) + 1 if worker else 0
    address = os.environ["REDIS_URL"].rpartition("/")[0]
    os.environ["REDIS_URL"] = f"{address}/{2 * number}"
    os.environ["CELERY_BROKER_URL"] = f"{address}/{2 * number + 1}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Start the servers ahead of pytest-django, which loads the settings in the same hook."""
    global _lease, _guard  # noqa: PLW0603 - pytest gives a plugin module no better place to keep state
    options = early_config.known_args_namespace
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if getattr(options, "help", False) or getattr(options, "version", 0):
        return (yield)
    if not worker and not are_outside_servers_given(environment=os.environ):
        # pytest skips its closing hooks when it fails while it is being set up.
        atexit.register(_stop)
        state = temporary_state_dir(prefix=PREFIX)
        _sweep(state.parent)
        _lease = acquire(state=state, is_throw_away=True)
        _guard = Guard()
        for group in _lease.process_groups():
            _guard.watch(group)
        os.environ.update(_lease.environment())
    _use_own_redis_databases(worker)
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop the servers at the end of the session."""
    _stop()


def _stop() -> None:
    """Stop what this process started; xdist's workers started nothing."""
    global _lease, _guard  # noqa: PLW0603 - see above
    if _lease is not None:
        _lease.release()
        _lease = None
    if _guard is not None:
        _guard.close()
        _guard = None

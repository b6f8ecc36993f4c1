"""Start the thread that sends a process's figures on; see `hmnp/core/tally.py`."""

from __future__ import annotations

import atexit
from datetime import timedelta
from typing import Any

from celery.signals import worker_process_init, worker_process_shutdown
from django.conf import settings

from hmnp.core.tally import Courier

_running: list[Courier] = []


def start(*, role: str) -> None:
    """Send this process's figures every `METRICS_EVERY_SECONDS`; 0 sends none."""
    seconds = float(settings.METRICS_EVERY_SECONDS)
    if seconds <= 0:
        return
    courier = Courier(role=role, every=timedelta(seconds=seconds))
    courier.start()
    _running[:] = [courier]
    atexit.register(stop)


def stop(**_: Any) -> None:
    """Send what is left."""
    for courier in _running:
        courier.stop()


def start_in_workers() -> None:
    """Start one in each process of a Celery worker."""
    worker_process_init.connect(_start_worker, dispatch_uid="courier")
    worker_process_shutdown.connect(stop, dispatch_uid="courier")


def _start_worker(**_: Any) -> None:
    start(role="worker")

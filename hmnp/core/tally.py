"""Counting in the process: cheap for a request, sent on every few seconds by a thread of its own.

A figure is named by what is measured, of what, and how it went: `("request", "GET home", "2xx")`.
Names come from the code (routes, key families, states), never from a person, so they are few.
Nothing here touches the network: whoever lives above says with `send_to` where the figures go.
What a killed process had not sent is lost, some seconds of it; this is telemetry, not money.
"""

from __future__ import annotations

import logging
import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from django.db import connection

logger = logging.getLogger(__name__)

# Upper bounds, in milliseconds, of the classes that times are counted in; one more is above them.
BOUNDS_MS = (5, 10, 25, 50, 100, 200, 350, 500, 1000, 2500, 5000)
_BOUNDS_US = tuple(bound * 1000 for bound in BOUNDS_MS)
_CLASSES = len(BOUNDS_MS) + 1
# While figures cannot be sent they are kept, by the minute, for so long.
_KEPT_MINUTES = 60
# More names than the code can make: something else is being counted.
_MOST_NAMES = 2000

Name = tuple[str, str, str]


@dataclass(frozen=True)
class Figures:
    """How often, the sum of the values (milliseconds for times), and their spread over classes."""

    count: int
    total: float = 0.0
    spread: tuple[int, ...] = ()


Batch = Mapping[Name, Figures]
# Stores one process's figures of one minute, adding to what is there; raises when it cannot.
Sender = Callable[[datetime, Batch], None]

_lock = threading.Lock()
_counts: dict[Name, int] = {}
_times: dict[Name, list[int]] = {}
_unsent: dict[datetime, dict[Name, Figures]] = {}
_sending = threading.Lock()
_senders: list[Sender] = []
_followers: list[Callable[[str, datetime], None]] = []


def count(metric: str, subject: str, outcome: str, *, times: int = 1) -> None:
    """Count that something happened; costs about a microsecond."""
    name = (metric, subject, outcome)
    with _lock:
        if name in _counts or len(_counts) < _MOST_NAMES:
            _counts[name] = _counts.get(name, 0) + times


def observe(metric: str, subject: str, outcome: str, *, seconds: float) -> None:
    """Count that something happened and how long it took; costs about a microsecond."""
    name = (metric, subject, outcome)
    microseconds = int(seconds * 1_000_000)
    with _lock:
        row = _times.get(name)
        if row is None:
            if len(_times) >= _MOST_NAMES:
                return
            row = _times[name] = [0] * (2 + _CLASSES)
        row[0] += 1
        row[1] += microseconds
        row[2 + bisect_left(_BOUNDS_US, microseconds)] += 1


def send_to(sender: Sender) -> None:
    """Send figures there from now on; the last one named counts."""
    _senders[:] = [sender]


def follow(look: Callable[[str, datetime], None]) -> None:
    """Call `look(role, now)` after each sending that succeeded: it notices that beat is dead."""
    _followers[:] = [look]


def send(*, now: datetime) -> bool:
    """Send what was counted; give whether all of it arrived. What did not is kept for later."""
    with _sending:
        _take(minute=now.astimezone(UTC).replace(second=0, microsecond=0))
        for minute in sorted(_unsent):
            try:
                for sender in _senders:
                    sender(minute, _unsent[minute])
            except Exception as error:  # whatever the driver raises; the next round tries again
                logger.warning("figures cannot be stored: %s", type(error).__name__)
                return False
            del _unsent[minute]
    return True


def reset() -> None:
    """Forget what was counted: for tests, and in a forked process, whose parent sends it."""
    global _lock, _sending  # a lock that was held when the process was forked is never let go
    _lock, _sending = threading.Lock(), threading.Lock()
    _counts.clear()
    _times.clear()
    _unsent.clear()


os.register_at_fork(after_in_child=reset)


def _take(*, minute: datetime) -> None:
    """Move what was counted into the minute's batch."""
    with _lock:
        counts, times = dict(_counts), dict(_times)
        _counts.clear()
        _times.clear()
    batch = _unsent.setdefault(minute, {})
    for name, number in counts.items():
        _add(batch, name, Figures(number))
    for name, row in times.items():
        _add(batch, name, Figures(row[0], row[1] / 1000, tuple(row[2:])))
    if not batch:
        del _unsent[minute]
    for old in list(islice(sorted(_unsent), max(len(_unsent) - _KEPT_MINUTES, 0))):
        del _unsent[old]


def _add(batch: dict[Name, Figures], name: Name, more: Figures) -> None:
    had = batch.get(name)
    if had is None:
        batch[name] = more
        return
    spread = tuple(a + b for a, b in zip(had.spread, more.spread, strict=True))
    batch[name] = Figures(had.count + more.count, had.total + more.total, spread)


class Courier:
    """The thread that sends a process's figures on, and looks after what beat should do."""

    def __init__(self, *, role: str, every: timedelta) -> None:
        self._role, self._every = role, every
        self._is_stopping = threading.Event()
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Send what is left and end; a forked copy has no thread, and nothing to send."""
        if os.getpid() == self._pid and self._thread.is_alive():
            self._is_stopping.set()
            self._thread.join(timeout=3)

    def _run(self) -> None:
        while not self._is_stopping.wait(self._every.total_seconds()):
            self._round()
            # Between two rounds it needs none; kept, it would be one more for each process.
            connection.close()
        send(now=datetime.now(UTC))
        connection.close()

    def _round(self) -> None:
        now = datetime.now(UTC)
        if not send(now=now):
            return
        for look in _followers:
            try:
                look(self._role, now)
            except Exception as error:  # the thread must outlive whatever a round meets
                logger.warning("a look at the site failed: %s", type(error).__name__)

"""Many at once: real threads, each with its own connection, all let go at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from django.db import connection

T = TypeVar("T")


class Crowd(Generic[T]):
    """What became of everyone's attempt."""

    def __init__(self) -> None:
        self.results: list[T] = []
        self.errors: list[Exception] = []

    def codes(self) -> set[str]:
        """Give the codes of the refusals, or the names of what no rule raised."""
        return {str(getattr(error, "code", type(error).__name__)) for error in self.errors}


def together(count: int, attempt: Callable[[int], T]) -> Crowd[T]:
    """Run `attempt(0)` … `attempt(count - 1)` at once and collect every outcome."""
    crowd: Crowd[T] = Crowd()
    gate = threading.Barrier(count, timeout=60)

    def one(number: int) -> T:
        try:
            # The connection is made before the gate, so that all meet at the lock.
            connection.ensure_connection()
            gate.wait()
            return attempt(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        for future in [pool.submit(one, number) for number in range(count)]:
            error = future.exception(timeout=120)
            if error is None:
                crowd.results.append(future.result())
            elif isinstance(error, Exception):
                crowd.errors.append(error)
            else:
                raise error
    assert len(crowd.results) + len(crowd.errors) == count
    return crowd


def deadlocks() -> int:
    """Give how many deadlocks PostgreSQL has met in this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])

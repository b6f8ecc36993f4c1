"""A Redis client that counts one more in one round trip, for django-ratelimit."""

from __future__ import annotations

import os
from typing import Any

from django_redis.client import DefaultClient
from django_redis.exceptions import ConnectionInterrupted
from redis.connection import AbstractConnection
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError

# The first of a window says when it ends, in the same step.
_COUNT = """
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
if count == tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return count
"""


class CountingClient(DefaultClient):
    """Begins a count and adds to it together, over a connection of its own.

    django-ratelimit asks for a count to be begun, and adds to it when it was there already. Here
    it always was: `add` only notes how long the count is kept, `incr` does both.

    Django makes a client for each thread, so that nobody else is on the connection: asking a pool
    for one would take longer than counting.
    """

    _seconds: float = 0
    _own: AbstractConnection | None = None

    def add(self, key: str, value: Any, timeout: Any = None, *args: Any, **kwargs: Any) -> bool:
        """Note the time-out of the count that is asked for next, by this thread's client."""
        self._seconds = timeout or 0
        return False

    def incr(self, key: str, delta: int = 1, *args: Any, **kwargs: Any) -> int:
        """Begin the count unless it was begun, and give it with `delta` more."""
        command = ("EVAL", _COUNT, 1, self.make_key(key), delta, max(int(self._seconds), 1))
        own, is_kept = self._connection()
        try:
            try:
                return int(_answer(own, command))
            except Disconnected:
                # Redis was started anew since the last one, most likely.
                if not is_kept:
                    raise
                return int(_answer(own, command))
        except (RedisError, OSError) as error:
            raise ConnectionInterrupted(connection=own) from error

    def _connection(self) -> tuple[AbstractConnection, bool]:
        """Give the connection, and whether it was used before."""
        own = self._own
        if own is not None and own.pid == os.getpid():
            return own, True
        own = self._own = self.get_client(write=True).connection_pool.make_connection()
        return own, False


def _answer(own: AbstractConnection, command: tuple[Any, ...]) -> Any:
    try:
        own.send_command(*command)  # type: ignore[no-untyped-call]  # untyped there
        return own.read_response()
    except (RedisError, OSError):
        # What is still under way would be taken for the next answer.
        own.disconnect()  # type: ignore[no-untyped-call]  # untyped there
        raise

"""A Redis client that counts one more in one round trip, for django-ratelimit."""

from __future__ import annotations

from typing import Any

from django_redis.client import DefaultClient
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

# The first of a window says when it ends, in the same step.
_COUNT = """
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
if count == tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return count
"""


class CountingClient(DefaultClient):
    """Begins a count and adds to it together.

    django-ratelimit asks for a count to be begun, and adds to it when it was there already. Here
    it always was: `add` only notes how long the count is kept, `incr` does both.
    """

    _seconds: float = 0

    def add(self, key: str, value: Any, timeout: Any = None, *args: Any, **kwargs: Any) -> bool:
        """Note the time-out of the count that is asked for next, by this thread's client."""
        self._seconds = timeout or 0
        return False

    def incr(self, key: str, delta: int = 1, *args: Any, **kwargs: Any) -> int:
        """Begin the count unless it was begun, and give it with `delta` more."""
        client = self.get_client(write=True)
        name = self.make_key(key)
        try:
            return int(client.eval(_COUNT, 1, name, delta, max(int(self._seconds), 1)))
        except (RedisError, OSError) as error:
            raise ConnectionInterrupted(connection=client) from error

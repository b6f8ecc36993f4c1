"""See the package."""

from __future__ import annotations

import time

from django.db.backends.postgresql import base

# A look is a round trip, as long as the one statement of most requests.
_SECONDS_BETWEEN_LOOKS = 1.0


class DatabaseWrapper(base.DatabaseWrapper):
    """Looks whether a kept connection still works once a second, not before each request."""

    _looked_at = 0.0

    def connect(self) -> None:
        """Connect, to a session that has nothing prepared yet."""
        # The names of `hmnp.core.prepared`.
        self.prepared: set[bytes] = set()
        super().connect()

    def close_if_health_check_failed(self) -> None:
        """Close a connection that has died since, if it is time to look."""
        if time.monotonic() - self._looked_at < _SECONDS_BETWEEN_LOOKS:
            self.health_check_done = True
            return
        super().close_if_health_check_failed()
        self._looked_at = time.monotonic()

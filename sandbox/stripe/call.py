"""What an endpoint gets to work with: checked parameters, the ledger and who asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.config import Config
from sandbox.store import Store
from sandbox.stripe.errors import ApiError
from sandbox.stripe.params import Spec
from sandbox.wire import Json

API_VERSION = "2026-10-28.endive"
AUTHORIZATION_SECONDS = 7 * 24 * 3600  # how long a card holds money that is not captured


@dataclass(kw_only=True)
class Call:
    """One call of the API, after authentication and validation."""

    store: Store
    config: Config
    params: Json = field(default_factory=dict)
    ref: str = ""
    publishable: bool = False
    request_id: str = ""
    idempotency_key: str | None = None
    api_version: str = API_VERSION
    base_url: str = ""

    @property
    def now(self) -> int:
        """The sandbox's time in whole seconds."""
        return int(self.store.now())


Run = Callable[[Call], "Json | ApiError"]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A method and path of the API, the parameters it takes and what runs.

    `run` raises ApiError before it has written anything; an ApiError that it *returns* (a declined
    card) keeps what was written.
    """

    method: str
    pattern: str
    run: Run
    spec: Spec
    public_spec: Spec | None = None
    unplayed: frozenset[str] = frozenset()

"""What every call passes through: token, scope, version, location, rate limit and faults."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sandbox.config import Config
from sandbox.ghl.errors import Refused
from sandbox.ghl.fields import Spec, check
from sandbox.store import Store
from sandbox.wire import Json, MalformedBody, Request, Response, Route, as_json, token

CONTACTS = ("2021-07-28", "v3")
CALENDARS = ("2021-04-15", "v3")
SCOPES = (
    "contacts.readonly",
    "contacts.write",
    "opportunities.readonly",
    "opportunities.write",
    "calendars.readonly",
    "calendars/events.readonly",
    "calendars/events.write",
)
LIMIT, LIMIT_SECONDS, DAILY_LIMIT = 100, 10, 200_000


@dataclass(kw_only=True)
class Call:
    """One call of the API, or one of the CRM's people at its screen: `author` says who."""

    store: Store
    config: Config
    ref: str = ""
    params: Json = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    author: Json = field(default_factory=lambda: {"source": "third_party"})

    @property
    def now(self) -> str:
        """The sandbox's time as GoHighLevel writes it."""
        return instant_text(self.store.now())


Run = Callable[[Call], Json]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A call of the API: who may make it, in which version, with what, and what it answers."""

    method: str
    pattern: str
    run: Run
    scope: str
    versions: tuple[str, ...]
    body: Spec | None = None
    query: Spec = field(default_factory=dict)
    status: int = 200


def instant_text(seconds: float) -> str:
    """Write a time in UTC with milliseconds."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def new_id() -> str:
    """Return an id as GoHighLevel gives them."""
    return token(20)


class Meter:
    """Count the calls of the location: 100 in 10 seconds, 200,000 a day; by the real clock."""

    def __init__(self, *, store: Store) -> None:
        """Count from nothing; the knob `ghl.limit` is how many fit in 10 seconds."""
        self._store = store
        self._lock = threading.Lock()
        self._calls: deque[float] = deque()
        self._today = 0

    def reset(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._calls.clear()
            self._today = 0

    def take(self) -> tuple[bool, dict[str, str]]:
        """Count one call; tell whether it may be made, and the headers that go with the answer."""
        limit = int(self._store.knob("ghl.limit", LIMIT))
        now = time.monotonic()
        with self._lock:
            while self._calls and self._calls[0] <= now - LIMIT_SECONDS:
                self._calls.popleft()
            is_allowed = len(self._calls) < limit and self._today < DAILY_LIMIT
            if is_allowed:
                self._calls.append(now)
                self._today += 1
            left, left_today = limit - len(self._calls), DAILY_LIMIT - self._today
        return is_allowed, {
            "X-RateLimit-Limit-Daily": str(DAILY_LIMIT),
            "X-RateLimit-Daily-Remaining": str(left_today),
            "X-RateLimit-Interval-Milliseconds": str(LIMIT_SECONDS * 1000),
            "X-RateLimit-Max": str(limit),
            "X-RateLimit-Remaining": str(max(left, 0)),
        }


def api_route(*, store: Store, config: Config, meter: Meter, endpoint: Endpoint) -> Route:
    """Return the route of one of GoHighLevel's own calls."""

    def handler(request: Request) -> Response:
        headers: dict[str, str] = {}
        try:
            _authorize(store, config, request, endpoint)
            is_allowed, headers = meter.take()
            if not is_allowed or request.fail_with == "error_429":
                raise Refused("Too Many Requests", status=429)
            if request.fail_with == "error_500":
                raise Refused("Internal server error", status=500)
            request.begin()
            call = _read(store, config, request, endpoint)
            with store.transaction():
                answer = endpoint.run(call)
            if request.fail_with == "error_500_after_commit":
                raise Refused("Internal server error", status=500)
        except Refused as error:
            return as_json(error.body, status=error.status, headers=headers)
        return as_json({**answer, "traceId": token(16)}, status=endpoint.status, headers=headers)

    return Route(
        method=endpoint.method, pattern=f"/ghl{endpoint.pattern}", handler=handler, is_api=True
    )


def _authorize(store: Store, config: Config, request: Request, endpoint: Endpoint) -> None:
    scheme, _, given = request.header("authorization").partition(" ")
    if scheme != "Bearer" or not given:
        raise Refused("Invalid JWT", status=401)
    scopes = {config.ghl_token: list(SCOPES), **store.knob("ghl.tokens", {})}.get(given)
    if scopes is None:
        raise Refused("Invalid Private Integration token", status=401)
    if endpoint.scope not in scopes:
        raise Refused("The token is not authorized for this scope.", status=401)
    version = request.header("version")
    if version not in endpoint.versions:
        said = f"version {version} is not valid here" if version else "version header was not found"
        raise Refused(f"{said}.", status=400)


def _read(store: Store, config: Config, request: Request, endpoint: Endpoint) -> Call:
    query = request.query_values()
    check(query, endpoint.query)
    params: Json = {}
    if endpoint.body is not None:
        if request.header("content-type").partition(";")[0].strip() != "application/json":
            raise Refused("Send application/json", status=415)
        try:
            sent = request.json() if request.body else None
        except MalformedBody as error:
            raise Refused("Unexpected token in JSON", status=400) from error
        if not isinstance(sent, dict):
            raise Refused("The body must be a JSON object", status=400)
        check(sent, endpoint.body)
        params = sent
    for location in (params.get("locationId"), query.get("locationId"), query.get("location_id")):
        if location and location != config.ghl_location:
            raise Refused("The token does not have access to this location.", status=403)
    return Call(
        store=store, config=config, ref=request.refs.get("id", ""), params=params, query=query
    )

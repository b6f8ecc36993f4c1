"""What every call of Proof's API passes through: the key, the faults, JSON in and out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.config import Config
from sandbox.proof.errors import Refused
from sandbox.store import Store
from sandbox.wire import Json, MalformedBody, Request, Response, Route, as_json

_WITH_BODY = ("POST", "PUT", "PATCH")


@dataclass(kw_only=True)
class Call:
    """One call: where things are kept, what was sent, and where the sandbox is reached."""

    store: Store
    base: str = ""
    ref: str = ""
    other_ref: str = ""
    params: Json
    query: dict[str, str]

    @property
    def now(self) -> str:
        """The sandbox's time as Proof writes it."""
        return instant(self.store.now())


Run = Callable[[Call], Any]


def instant(seconds: float) -> str:
    """Write a time as Proof does: ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def seconds_of(text: Any, *, name: str) -> float:
    """Read a time with its offset; raise Refused when it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise Refused(f"{name} is not an ISO-8601 DateTime", status=400) from error
    if moment.tzinfo is None:
        # Proof would take its account's zone; nobody here should depend on that.
        raise Refused(f"{name} has no timezone offset", status=400)
    return moment.timestamp()


def api_route(*, store: Store, config: Config, method: str, pattern: str, run: Run) -> Route:
    """Return the route of one of Proof's own calls."""

    def handler(request: Request) -> Response:
        try:
            return _answer(store, config, request, run)
        except Refused as error:
            return as_json(error.body, status=error.status)

    return Route(method=method, pattern=f"/proof{pattern}", handler=handler, is_api=True)


def _answer(store: Store, config: Config, request: Request, run: Run) -> Response:
    if request.header("apikey") != config.proof_key:
        raise Refused("Not authenticated", status=401)
    if request.fail_with == "error_429":
        raise Refused("Too many requests", status=429)
    if request.fail_with == "error_500":
        raise Refused("Something went wrong", status=500)
    request.begin()
    call = Call(
        store=store,
        base=f"http://{request.header('host')}",
        ref=request.refs.get("id", ""),
        other_ref=request.refs.get("other", ""),
        params=_body(request),
        query=request.query_values(),
    )
    with store.transaction():
        answer = run(call)
    if request.fail_with == "error_500_after_commit":
        raise Refused("Something went wrong", status=500)
    return as_json(answer)


def _body(request: Request) -> Json:
    if request.method not in _WITH_BODY or not request.body:
        return {}
    if request.header("content-type").partition(";")[0].strip() != "application/json":
        raise Refused("Unsupported media type: send application/json", status=415)
    try:
        body = request.json()
    except MalformedBody as error:
        raise Refused("The body is not JSON", status=400) from error
    if not isinstance(body, dict):
        raise Refused("The body is not a JSON object", status=400)
    return body

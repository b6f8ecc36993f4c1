"""What every call of the API passes: key, idempotency, validation, effect and answer in one go."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable
from urllib.parse import parse_qsl

from sandbox.config import Config
from sandbox.store import Store
from sandbox.stripe.call import API_VERSION, Call, Endpoint
from sandbox.stripe.errors import ApiError, invalid
from sandbox.stripe.objects import render
from sandbox.stripe.params import clean
from sandbox.wire import Handler, Json, Request, Response, as_json, nest

KEPT_SECONDS = 24 * 3600
_FORM = "application/x-www-form-urlencoded"
_VERSION = re.compile(r"\d{4}-\d\d-\d\d(\.[a-z]+)?")
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, PUT, PATCH, POST, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Stripe-Version, "
    "Stripe-Account, X-Stripe-Client-User-Agent, X-Requested-With",
    "Access-Control-Expose-Headers": "Request-Id, Stripe-Manage-Version, Stripe-Should-Retry, "
    "Idempotent-Replayed",
    "Access-Control-Max-Age": "300",
}
_FAILED = (
    "An unknown error occurred while processing your request. If this persists, please contact us "
    "via our support site and include the request id."
)


class Api:
    """Serve endpoints over one ledger."""

    def __init__(self, *, store: Store, config: Config) -> None:
        """Serve from `store` with the keys of `config`."""
        self.store = store
        self.config = config
        self._running: set[str] = set()
        self._lock = threading.Lock()

    def handler(self, endpoint: Endpoint) -> Handler:
        """Return what answers an endpoint's requests."""

        def answer(request: Request) -> Response:
            return self._guarded(request, lambda: self._answer(request, endpoint))

        return answer

    def unknown(self, request: Request) -> Response:
        """Answer a path that is none of the API's."""

        def refuse() -> Response:
            self._principal(request, _pairs(request))
            raise ApiError(
                404,
                f"Unrecognized request URL ({request.method}: {request.path}). Please see "
                "https://stripe.com/docs or we can help at https://support.stripe.com/.",
            )

        return self._guarded(request, refuse)

    def preflight(self, _request: Request) -> Response:
        """Answer a browser's question whether it may call."""
        return Response(status=200, headers=dict(CORS))

    def _guarded(self, request: Request, work: Callable[[], Response]) -> Response:
        try:
            response = work()
        except ApiError as error:
            response = _error(error)
        response.headers |= {
            **CORS,
            "Request-Id": request.id,
            "Stripe-Version": request.header("stripe-version") or API_VERSION,
            "Cache-Control": "no-cache, no-store",
        }
        if request.header("idempotency-key") and request.method == "POST":
            response.headers["Idempotency-Key"] = request.header("idempotency-key")
        if response.status == 401:
            response.headers["WWW-Authenticate"] = 'Basic realm="Stripe"'
        return response

    def _answer(self, request: Request, endpoint: Endpoint) -> Response:
        pairs = _pairs(request)
        publishable = self._principal(request, pairs)
        if publishable and endpoint.public_spec is None:
            raise ApiError(
                403,
                "This API call cannot be made with a publishable API key. Please use a secret API "
                "key. You can find a list of your API keys at "
                "https://dashboard.stripe.com/account/apikeys.",
                code="secret_key_required",
                stored=False,
            )
        version = request.header("stripe-version")
        if version and not _VERSION.fullmatch(version):
            raise invalid(f"Invalid Stripe API version: {version}")
        if request.fail_with == "error_429":
            raise ApiError(
                429,
                "Too many requests hit the API too quickly. We recommend an exponential backoff of "
                "your requests.",
                code="rate_limit",
                stored=False,
            )
        key = request.header("idempotency-key") if request.method == "POST" else ""
        if not key:
            request.begin()
            return self._execute(request, endpoint, pairs, publishable, key="")
        if len(key) > 255:
            raise invalid("Idempotency keys may be at most 255 characters long.")
        with self._lock:
            if key in self._running:
                raise ApiError(
                    409,
                    "There is currently another in-progress request using this Idempotent Key "
                    "(that probably means you submitted twice, and the other request is still "
                    f"going through): {key}",
                    code="idempotency_key_in_use",
                    kind="idempotency_error",
                    stored=False,
                )
            self._running.add(key)
        try:
            replay = self._replay(request, key, _fingerprint(pairs))
            if replay is not None:
                return replay
            request.begin()
            return self._execute(request, endpoint, pairs, publishable, key=key)
        finally:
            with self._lock:
                self._running.discard(key)

    def _principal(self, request: Request, pairs: list[tuple[str, str]]) -> bool:
        """Return whether the caller has the publishable key; raise 401 when it has none."""
        given = request.header("authorization")
        scheme, _, key = given.partition(" ")
        key = key.strip()
        if scheme.lower() == "basic":
            try:
                key = base64.b64decode(key).decode().partition(":")[0]
            except ValueError:
                key = ""
        if not given:
            key = dict(pairs).get("key", "")
            if key and not key.startswith("pk_"):
                key = ""  # a secret key belongs in the header only
        if not key:
            raise ApiError(
                401,
                "You did not provide an API key. You need to provide your API key in the "
                "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
                "YOUR_SECRET_KEY').",
                stored=False,
            )
        if key == self.config.secret_key:
            return False
        if key == self.config.publishable_key:
            return True
        masked = f"{key[:8]}{'*' * max(len(key) - 12, 4)}{key[-4:]}"
        raise ApiError(401, f"Invalid API Key provided: {masked}", stored=False)

    def _replay(self, request: Request, key: str, fingerprint: str) -> Response | None:
        found = self.store.rows("SELECT * FROM idempotency WHERE key = ?", (key,))
        if not found:
            return None
        row = found[0]
        if row["created"] + KEPT_SECONDS <= self.store.now():
            self.store.run("DELETE FROM idempotency WHERE key = ?", (key,))
            return None
        endpoint = f"{request.method} {request.path}"
        if row["endpoint"] != endpoint:
            raise ApiError(
                400,
                "Keys for idempotent requests can only be used for the same endpoint they were "
                f"first used for ('{endpoint}' vs. '{row['endpoint']}'). Try using a key other "
                f"than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
                stored=False,
            )
        if row["fingerprint"] != fingerprint:
            raise ApiError(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were "
                f"first used with. Try using a key other than '{key}' if you meant to execute a "
                "different request.",
                kind="idempotency_error",
                stored=False,
            )
        return Response(
            status=row["status"],
            body=row["body"].encode(),
            headers={
                "Content-Type": "application/json",
                "Idempotent-Replayed": "true",
                "Original-Request": row["request_id"],
            },
        )

    def _execute(
        self,
        request: Request,
        endpoint: Endpoint,
        pairs: list[tuple[str, str]],
        publishable: bool,
        *,
        key: str,
    ) -> Response:
        spec = endpoint.public_spec if publishable else endpoint.spec
        raw = {
            name: value
            for name, value in nest(pairs).items()
            if name not in {"key", "_stripe_version"}
        }
        call = Call(
            store=self.store,
            config=self.config,
            params=clean(raw, spec or {}, unplayed=endpoint.unplayed),
            ref=request.refs.get("id", ""),
            publishable=publishable,
            request_id=request.id,
            idempotency_key=key or None,
            base_url=base_url(request, self.config),
        )
        with self.store.transaction():
            response, stored = self._effect(request, endpoint, call)
            if key and stored:
                self.store.run(
                    "INSERT INTO idempotency VALUES (?,?,?,?,?,?,?,?)",
                    (
                        "acct_sandbox", key, f"{request.method} {request.path}",
                        _fingerprint(pairs), response.status, response.body.decode(), request.id,
                        self.store.now(),
                    ),
                )  # fmt: skip
        return response

    def _effect(self, request: Request, endpoint: Endpoint, call: Call) -> tuple[Response, bool]:
        """Run the endpoint; return its answer and whether a key keeps it."""
        broken = ApiError(500, _FAILED, kind="api_error")
        if request.fail_with == "error_500":
            return _error(broken), True
        try:
            with self.store.savepoint():
                result = endpoint.run(call)
                if isinstance(result, ApiError):
                    response = _error(result)
                else:
                    response = as_json(render(call, result))
        except ApiError as error:
            return _error(error), error.stored
        if request.fail_with == "error_500_after_commit":
            return _error(broken), True
        return response, True


def base_url(request: Request, config: Config) -> str:
    """Return the address under which this caller reached the sandbox."""
    return f"http://{request.header('host') or f'{config.host}:{config.port}'}"


def _pairs(request: Request) -> list[tuple[str, str]]:
    if request.method == "GET":
        return parse_qsl(request.query, keep_blank_values=True)
    kind = request.header("content-type").partition(";")[0].strip()
    if request.body and kind != _FORM:
        raise invalid(
            "Invalid request (check that your POST content type is "
            "application/x-www-form-urlencoded). If you have questions, we can help at "
            "https://support.stripe.com/."
        )
    try:
        text = request.body.decode()
    except UnicodeDecodeError as error:
        raise invalid("Invalid UTF-8 in the request body.") from error
    return parse_qsl(text, keep_blank_values=True)


def _fingerprint(pairs: list[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(sorted(pairs)).encode()).hexdigest()


def _error(error: ApiError) -> Response:
    body: Json = {"error": error.body}
    return as_json(body, status=error.status)

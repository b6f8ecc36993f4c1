"""Stripe's browser side: the script, the Payment Element's frame and the 3-D Secure page."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

from sandbox.config import Config
from sandbox.store import Store
from sandbox.stripe.api import base_url
from sandbox.stripe.call import Call
from sandbox.stripe.intent_steps import authenticate_intent
from sandbox.wire import Handler, Json, Request, Response, Route, as_html

_ASSETS = Path(__file__).parent / "assets"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; frame-ancestors *"
)
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}


def routes(*, store: Store, config: Config) -> tuple[Route, ...]:
    """Return the routes of what a browser loads."""
    challenge = _Challenge(store=store, config=config)
    files = {
        "/js/v3/?": "stripe.js",
        "/v3/?": "stripe.js",
        "/stripe/element": "element.html",
        "/stripe/element.js": "element.js",
        "/stripe/element.css": "element.css",
        "/stripe/challenge.js": "challenge.js",
        "/stripe/challenge.css": "challenge.css",
    }
    path = "/stripe/authenticate/{challenge}"
    return (
        *(
            Route(method="GET", pattern=pattern, handler=_file(name))
            for pattern, name in files.items()
        ),
        Route(method="GET", pattern=path, handler=challenge.show),
        Route(method="POST", pattern=path, handler=challenge.decide),
    )


def _file(name: str) -> Handler:
    body = (_ASSETS / name).read_bytes()
    headers = {
        "Content-Type": f"{_TYPES[Path(name).suffix]}; charset=utf-8",
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if name.endswith(".html"):
        headers["Content-Security-Policy"] = _POLICY
    return lambda _request: Response(body=body, headers=dict(headers))


class _Challenge:
    """The bank's page, in a frame of the paying page or on its own."""

    def __init__(self, *, store: Store, config: Config) -> None:
        self._store = store
        self._config = config
        self._page = Template((_ASSETS / "challenge.html").read_text())

    def show(self, request: Request) -> Response:
        """Ask the cardholder."""
        intent = self._find(request)
        if intent is None:
            return self._over("This authentication is over.")
        amount = f"{intent['amount'] / 100:,.2f} {intent['currency'].upper()}"
        what = escape(intent["description"] or "Houston Mobile Notary Pros")
        return self._html(
            "<h1>Is this you paying?</h1>"
            f"<p>{what} asks for <strong>{amount}</strong>.</p>"
            '<form method="post"><button class="main" name="outcome" value="complete">'
            "Complete authentication</button>"
            '<button name="outcome" value="fail">Fail authentication</button></form>'
        )

    def decide(self, request: Request) -> Response:
        """Take the cardholder's answer; a page on its own goes back to the shop."""
        intent = self._find(request)
        if intent is None:
            return self._over("This authentication is over.")
        outcome = parse_qs(request.body.decode(errors="replace")).get("outcome", [""])[0]
        if outcome not in {"complete", "fail"}:
            return self.show(request)
        call = Call(
            store=self._store,
            config=self._config,
            ref=intent["id"],
            request_id=request.id,
            base_url=base_url(request, self._config),
        )
        with self._store.transaction():
            authenticate_intent(call, passed=outcome == "complete")
        after = self._store.get(kind="payment_intent", key=intent["id"]) or intent
        return_url = intent["_"]["return_url"]
        if return_url and "embedded" not in request.query_values():
            return Response(
                status=303, headers={"Location": _with_outcome(return_url, intent=after)}
            )
        return self._over("Thank you. You can close this window.")

    def _find(self, request: Request) -> Json | None:
        found = self._store.select(
            kind="payment_intent",
            where="json_extract(doc, '$._.challenge') = ?",
            args=(request.refs["challenge"],),
        )
        return found[0] if found else None

    def _over(self, text: str) -> Response:
        return self._html(f"<h1>{escape(text)}</h1>", over="yes")

    def _html(self, body: str, *, over: str = "no") -> Response:
        return as_html(
            self._page.substitute(body=body, over=over),
            headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"},
        )


def _with_outcome(return_url: str, *, intent: Json) -> str:
    parts = urlsplit(return_url)
    query = [
        *parse_qsl(parts.query, keep_blank_values=True),
        ("payment_intent", intent["id"]),
        ("payment_intent_client_secret", intent["client_secret"]),
        ("redirect_status", "failed" if intent["last_payment_error"] else "succeeded"),
    ]
    return urlunsplit(parts._replace(query=urlencode(query)))

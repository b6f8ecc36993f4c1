"""The knobs of Proof, and the page behind a signer's link, where a session is played by hand."""

from __future__ import annotations

from html import escape

from sandbox.proof.errors import Refused
from sandbox.proof.sessions import STEPS, play
from sandbox.proof.transactions import shown
from sandbox.store import Store
from sandbox.wire import Json, MalformedBody, Request, Response, Route, as_html, as_json, parse_form

_CLOSED = ("draft", "deleted", "recalled")
KNOBS = ("processing_seconds", "release_seconds", "processing_fails")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
_STYLE = (
    "body{font:17px/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}"
    "button{font:inherit;min-height:44px;margin:.25rem .25rem .25rem 0;padding:0 1rem}"
)


def routes(*, store: Store) -> tuple[Route, ...]:
    """Return the knobs and the signer's page."""

    def step(request: Request) -> Response:
        try:
            wish = request.json()
            with store.transaction():
                transaction = _find(store, request.refs["id"])
                play(
                    store=store,
                    transaction=transaction,
                    step=request.refs["step"],
                    signer_id=str(wish.get("signer", "")),
                    wish=wish,
                )
            return as_json(shown(transaction))
        except Refused as error:
            return as_json(error.body, status=error.status)
        except MalformedBody as error:
            return as_json({"errors": [str(error)]}, status=400)

    def listing(request: Request) -> Response:
        """Give all that ever stood for a booking, deleted ones too, with what is kept of each."""
        name = request.query_values().get("external_id", "")
        found = store.select(kind="proof_transaction", where="owner = ?", args=(name,))
        return as_json({"data": found})

    def knobs(request: Request) -> Response:
        wish = request.json() if request.method == "POST" else {}
        if unknown := set(wish) - set(KNOBS):
            return as_json({"errors": [f"unknown: {', '.join(sorted(unknown))}"]}, status=400)
        for name, value in wish.items():
            store.set_knob(f"proof.{name}", value)
        return as_json({name: store.knob(f"proof.{name}") for name in KNOBS})

    def sign_page(request: Request) -> Response:
        transaction = store.get(kind="proof_transaction", key=request.refs["id"])
        if transaction is None or transaction["detailed_status"] in _CLOSED:
            return as_html("<p>This link opens nothing (yet).</p>", status=404)
        problem = ""
        if request.method == "POST":
            try:
                with store.transaction():
                    play(
                        store=store,
                        transaction=transaction,
                        step=str(parse_form(request.body.decode()).get("step", "")),
                        signer_id=request.refs["signer"],
                        wish={"force": True},
                    )
            except Refused as error:
                problem = str(error)
        return as_html(
            _page(transaction, request.path, problem),
            headers={"Content-Security-Policy": _POLICY},
        )

    return (
        Route(method="GET", pattern="/_sandbox/proof", handler=knobs),
        Route(method="POST", pattern="/_sandbox/proof", handler=knobs),
        Route(method="GET", pattern="/_sandbox/proof/transactions", handler=listing),
        Route(method="POST", pattern="/_sandbox/proof/transactions/{id}/{step}", handler=step),
        Route(method="GET", pattern="/proof/sign/{id}/{signer}", handler=sign_page),
        Route(method="POST", pattern="/proof/sign/{id}/{signer}", handler=sign_page),
    )


def _find(store: Store, name: str) -> Json:
    """Return a transaction by its id, or the newest one that stands for a booking."""
    found = store.get(kind="proof_transaction", key=name)
    if found is None:
        of_booking = store.select(kind="proof_transaction", where="owner = ?", args=(name,))
        found = of_booking[-1] if of_booking else None
    if found is None:
        raise Refused("Transaction Not Found", status=404)
    return found


def _page(transaction: Json, path: str, problem: str) -> str:
    buttons = "".join(
        f'<button name="step" value="{name}">{escape(name.replace("_", " "))}</button>'
        for name in STEPS
    )
    documents = "".join(f"<li>{escape(one['document_name'])}" for one in transaction["documents"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>Session sandbox</title><style>{_STYLE}</style>'
        f"<h1>A session at Proof, played</h1><p>{escape(transaction['id'])}: "
        f"<strong>{escape(transaction['detailed_status'])}</strong></p>"
        f"<p>{escape(problem)}</p><ul>{documents}</ul>"
        f'<form method="post" action="{escape(path)}">{buttons}</form>'
    )

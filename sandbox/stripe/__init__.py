"""Stripe's API at the root of the sandbox, with its browser script and webhooks."""

from __future__ import annotations

from sandbox.config import Config
from sandbox.courier import Courier
from sandbox.store import Store
from sandbox.stripe import (
    browser,
    charges,
    control,
    customers,
    disputes,
    events,
    intents,
    lifecycle,
    payment_methods,
    refunds,
)
from sandbox.stripe.api import Api
from sandbox.stripe.call import Call
from sandbox.stripe.objects import shown
from sandbox.stripe.webhooks import SCHEME
from sandbox.systems import Holding, Panel
from sandbox.webhooks import configure_endpoint, panels
from sandbox.wire import Json, Route

_MODULES = (intents, charges, refunds, events, payment_methods, customers, disputes)
_KINDS = {
    "payment_intents": "payment_intent",
    "charges": "charge",
    "refunds": "refund",
    "disputes": "dispute",
    "events": "event",
}


class Stripe:
    """Play Stripe."""

    name = "stripe"
    title = "Stripe"

    def __init__(self, *, store: Store, config: Config) -> None:
        """Play over one ledger."""
        self._store = store
        self._config = config
        api = Api(store=store, config=config)
        served = [
            Route(
                method=endpoint.method,
                pattern=endpoint.pattern,
                handler=api.handler(endpoint),
                is_api=True,
            )
            for module in _MODULES
            for endpoint in module.ENDPOINTS
        ]
        self.routes: tuple[Route, ...] = (
            *served,
            Route(method="OPTIONS", pattern="/v1/.*", handler=api.preflight),
            *(
                Route(method=method, pattern="/v1(/.*)?", handler=api.unknown)
                for method in ("GET", "POST", "DELETE", "PUT", "PATCH")
            ),
            *browser.routes(store=store, config=config),
            *control.routes(store=store, config=config),
        )
        self._courier = Courier(store=store, scheme=SCHEME)
        self.reset()

    def start(self) -> None:
        """Start to deliver webhooks."""
        self._courier.start()

    def stop(self) -> None:
        """Stop to deliver webhooks."""
        self._courier.stop()

    def reset(self) -> None:
        """Set up the configured webhook endpoint, at the start and after a wipe."""
        if self._config.webhook_url:
            configure_endpoint(
                store=self._store,
                scheme=SCHEME,
                url=self._config.webhook_url,
                secret=self._config.webhook_secret,
            )

    def run_timer(self, *, kind: str, ref: str) -> None:
        """Do what was due: end a processing payment, settle a refund, let a hold lapse."""
        call = Call(store=self._store, config=self._config)
        kinds = {
            "finish_processing": "payment_intent",
            "expire_authorization": "payment_intent",
            "settle_refund": "refund",
            "open_dispute": "charge",
        }
        doc = self._store.get(kind=kinds[kind], key=ref)
        if doc is None:
            return
        if kind == "finish_processing":
            lifecycle.finish_processing(call, doc)
        elif kind == "settle_refund":
            refunds.settle_refund(call, doc)
        elif kind == "expire_authorization" and doc["status"] == "requires_capture":
            lifecycle.cancel(call, doc, reason="automatic")
        elif kind == "open_dispute" and not doc["disputed"]:
            disputes.open_dispute(call, charge_id=ref)

    def ledger(self) -> Json:
        """Return everything held, oldest first."""
        dump: Json = {
            name: [shown(doc) for doc in self._store.select(kind=kind)]
            for name, kind in _KINDS.items()
        }
        dump["webhook_deliveries"] = [
            dict(row) for row in self._store.rows("SELECT * FROM deliveries ORDER BY id")
        ]
        return dump

    def holdings(self) -> list[Holding]:
        """Return intents and refunds for the page, newest first."""
        result = []
        for intent in self._store.select(kind="payment_intent", tail="ORDER BY seq DESC LIMIT 300"):
            meta = intent["metadata"]
            refunded = 0
            lines = []
            for refund in self._store.select(
                kind="refund", where="parent = ?", args=(intent["id"],)
            ):
                if refund["status"] in {"succeeded", "pending"}:
                    refunded += refund["amount"]
                lines.append(_cents(refund) + f" {refund['status']}")
            detail = f"refunded {refunded / 100:.2f}: {', '.join(lines)}" if lines else ""
            if intent["last_payment_error"]:
                error = intent["last_payment_error"]
                detail = f"{detail} last try: {error.get('decline_code') or error.get('code')}"
            result.append(
                Holding(
                    system=self.title,
                    booking_id=meta.get("booking_id", ""),
                    reference=meta.get("reference", ""),
                    payment_id=meta.get("payment_id", ""),
                    what=intent["id"],
                    status=intent["status"],
                    amount=_cents(intent),
                    detail=detail.strip(),
                    at=intent["created"],
                )
            )
        return result

    def panels(self) -> list[Panel]:
        """Return the newest webhook deliveries and the endpoints."""
        return panels(store=self._store, scheme=SCHEME)


def _cents(doc: Json) -> str:
    return f"{doc['amount'] / 100:.2f} {doc['currency'].upper()}"

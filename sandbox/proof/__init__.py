"""Proof's API under `/proof/`: transactions from draft to record, and its webhooks."""

from __future__ import annotations

from sandbox import webhooks
from sandbox.config import Config
from sandbox.courier import Courier
from sandbox.proof import (
    control,
    documents,
    records,
    sessions,
    subscriptions,
    transactions,
)
from sandbox.proof.call import Run, api_route
from sandbox.proof.events import SCHEME
from sandbox.store import Store
from sandbox.systems import Holding, Panel
from sandbox.wire import Json, Route

_CALLS: tuple[tuple[str, str, Run], ...] = (
    ("POST", "/v1/transactions", transactions.create),
    ("GET", "/v1/transactions", transactions.listing),
    ("GET", "/v1/transactions/{id}", transactions.read),
    ("PUT", "/v1/transactions/{id}", transactions.edit),
    ("PATCH", "/v1/transactions/{id}", transactions.edit),
    ("DELETE", "/v1/transactions/{id}", transactions.delete),
    ("POST", "/v1/transactions/{id}/documents", documents.add_document),
    ("GET", "/v1/transactions/{id}/documents/{other}", documents.get_document),
    ("POST", "/v1/transactions/{id}/notarization_ready", transactions.activate),
    ("POST", "/v1/transactions/{id}/recall", transactions.recall),
    ("POST", "/v1/transactions/{id}/send_email", transactions.resend),
    ("POST", "/v1/transactions/{id}/send_sms", transactions.resend),
    ("GET", "/v1/notarization_records/{id}", records.read),
    ("GET", "/v1/notarization_records/{id}/assets/{other}", records.asset),
    ("POST", "/v2/webhooks", subscriptions.subscribe),
    ("GET", "/v2/webhooks/{id}", subscriptions.read),
    ("PUT", "/v2/webhooks/{id}", subscriptions.change),
    ("DELETE", "/v2/webhooks/{id}", subscriptions.remove),
    ("GET", "/v2/webhooks/{id}/events", subscriptions.told),
)


class Proof:
    """Play Proof."""

    name = "proof"
    title = "Proof"

    def __init__(self, *, store: Store, config: Config) -> None:
        """Play over one ledger."""
        self._store = store
        self._config = config
        self.routes: tuple[Route, ...] = (
            *(
                api_route(store=store, config=config, method=method, pattern=pattern, run=run)
                for method, pattern, run in _CALLS
            ),
            *control.routes(store=store),
            *webhooks.routes(store=store, scheme=SCHEME),
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
            webhooks.configure_endpoint(
                store=self._store,
                scheme=SCHEME,
                url=webhooks.sibling(url=self._config.webhook_url, name="proof"),
                secret=self._config.proof_signing_key,
            )

    def run_timer(self, *, kind: str, ref: str) -> None:
        """Finish a document's processing, release what was completed, expire what is over."""
        transaction_id, _, document_id = ref.partition("/")
        if kind == "process_document":
            documents.process(
                store=self._store, transaction_id=transaction_id, document_id=document_id
            )
            return
        transaction = self._store.get(kind="proof_transaction", key=transaction_id)
        if transaction is None:
            return
        if kind == "expire":
            sessions.expire_due(store=self._store, transaction=transaction)
        elif kind == "release" and transaction["detailed_status"].startswith("complete"):
            sessions.release(store=self._store, transaction=transaction)
            transactions.save(self._store, transaction)

    def ledger(self) -> Json:
        """Return everything held, oldest first, deleted transactions included."""
        return {
            "proof_transactions": self._store.select(kind="proof_transaction"),
            "proof_records": self._store.select(kind="proof_record"),
            "proof_events": self._store.select(kind="proof_event"),
        }

    def holdings(self) -> list[Holding]:
        """Return the transactions for the page, newest first."""
        return [
            Holding(
                system=self.title,
                booking_id=one["external_id"] or "",
                what=one["id"],
                status=one["detailed_status"],
                detail=f"{len(one['documents'])} documents, {len(one['signers'])} signers, "
                f"{one['activation_time'] or 'no time'}",
                link=one["signers"][0]["transaction_access_link"],
                at=one["created"],
            )
            for one in self._store.select(
                kind="proof_transaction", tail="ORDER BY seq DESC LIMIT 300"
            )
        ]

    def panels(self) -> list[Panel]:
        """Return the newest webhook deliveries and the endpoints."""
        return webhooks.panels(store=self._store, scheme=SCHEME, title=self.title)

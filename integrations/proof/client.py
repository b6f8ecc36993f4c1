"""Proof's calls, one function each. All raise `ConnectorError`; none is repeated here."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage

from bookings.models import BookingDocument
from integrations import http
from integrations.errors import ConnectorError
from integrations.proof.mapping import Transaction, document_fields, read_transaction
from integrations.states import Destination

TIMEOUT = http.TIMEOUT
_GONE = (404, 410)
_PAGE = 100
_MOST_PAGES = 100


def _call(method: str, path: str, **more: Any) -> dict[str, Any] | None:
    api = http.Api(
        destination=Destination.PROOF,
        base_url=str(settings.PROOF_API_BASE).rstrip("/"),
        headers={"ApiKey": str(settings.PROOF_API_KEY)},
        timeout=TIMEOUT,
    )
    return api.call(method, path, **more)


def create_draft(*, fields: dict[str, Any]) -> Transaction:
    """Make a draft; Proof knows no idempotency key, so look for the external id before."""
    return _shown(_call("POST", "/v1/transactions", json={"draft": True, **fields}))


def get(*, transaction_id: str) -> Transaction | None:
    """Read a transaction; None when it is not there (any more)."""
    body = _call(
        "GET",
        f"/v1/transactions/{transaction_id}",
        params={"document_url_version": "v2"},
        absent=_GONE,
    )
    return None if body is None else _shown(body)


def change_draft(*, transaction_id: str, fields: dict[str, Any]) -> Transaction:
    """Change a draft's fields; the signers sent replace those there are."""
    return _shown(_call("PATCH", f"/v1/transactions/{transaction_id}", json=fields))


def add_document(*, transaction_id: str, document: BookingDocument) -> str:
    """Add a PDF to a draft and give its id there; Proof works on it for a while."""
    with default_storage.open(document.storage_name) as file:
        content = base64.b64encode(file.read()).decode()
    body = _call(
        "POST",
        f"/v1/transactions/{transaction_id}/documents",
        json=document_fields(document, content=content),
    )
    return str((body or {}).get("id") or "")


def activate(*, transaction_id: str) -> None:
    """Send a draft to its signers: each gets the link of their own by mail from Proof."""
    _call("POST", f"/v1/transactions/{transaction_id}/notarization_ready", json={})


def recall(*, transaction_id: str, reason: str) -> None:
    """Take a sent transaction back."""
    _call(
        "POST",
        f"/v1/transactions/{transaction_id}/recall",
        params={"recall_reason": reason},
        json={},
        absent=_GONE,
    )


def delete(*, transaction_id: str) -> None:
    """Remove a draft; one that is gone already is as good."""
    _call("DELETE", f"/v1/transactions/{transaction_id}", ok=(200, 204), absent=_GONE)


def changed_since(*, moment: datetime) -> Iterator[Transaction]:
    """Give the transactions that changed since a moment, whoever made them."""
    for page in range(_MOST_PAGES):
        body = _call(
            "GET",
            "/v1/transactions",
            params={
                "limit": _PAGE,
                "offset": page * _PAGE,
                "last_updated_date_start": moment.isoformat(),
            },
        )
        found = (body or {}).get("data") or []
        yield from (read_transaction(one) for one in found)
        if len(found) < _PAGE:
            return


def get_record(*, record_id: str) -> dict[str, Any] | None:
    """Read the record of a meeting; None while there is none."""
    return _call("GET", f"/v1/notarization_records/{record_id}", absent=_GONE)


def subscribe(*, url: str, signing_key: str) -> str:
    """Have every event of a transaction told to `url`, and give the subscription's id."""
    wish = {"url": url, "subscriptions": ["transaction.*"], "signing_key": signing_key}
    body = _call("POST", "/v2/webhooks", json=wish)
    return str((body or {}).get("id") or "")


def _shown(body: dict[str, Any] | None) -> Transaction:
    transaction = read_transaction(body or {})
    if not transaction.id:
        raise ConnectorError("answered without a transaction's id", is_outcome_unknown=True)
    return transaction

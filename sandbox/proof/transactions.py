"""Transactions: made as a draft, filled, activated, recalled, deleted, listed."""

from __future__ import annotations

from typing import Any

from sandbox.proof import events
from sandbox.proof.call import Call, seconds_of
from sandbox.proof.checks import signers_sent, transaction_fields
from sandbox.proof.errors import Refused, unknown_transaction
from sandbox.store import Store
from sandbox.wire import Json, token

# The filter of the list has a second, coarser vocabulary.
COARSE = {
    "draft": "started",
    "active": "sent",
    "sent_to_signer": "sent",
    "viewed": "received",
    "meeting_in_progress": "received",
    "attempted": "received",
    "partially_complete": "received",
    "held_for_review": "received",
    "complete": "completed",
    "complete_with_rejections": "completed_with_rejections",
    "expired": "expired",
    "recalled": "recalled",
    "declined": "declined",
    "deleted": "deleted",
}
_BEGUN = ("partially_complete", "complete", "complete_with_rejections")
_RECALLABLE = ("active", "sent_to_signer", "viewed", "attempted")
_MOST_LISTED = 100


def find(call: Call) -> Json:
    """Return the transaction a call names; raise Refused when there is none."""
    doc = call.store.get(kind="proof_transaction", key=call.ref)
    if doc is None or doc["detailed_status"] == "deleted":
        raise unknown_transaction()
    return doc


def save(store: Store, transaction: Json) -> Json:
    """Write a transaction's new state and when that was."""
    transaction["updated_seconds"] = store.now()
    return store.replace(doc=transaction)


def is_editable(transaction: Json) -> bool:
    """Tell whether everything in it may be changed."""
    return bool(transaction["detailed_status"] == "draft")


def shown(transaction: Json) -> Json:
    """Return a transaction as Proof shows it."""
    hidden = ("updated_seconds", "created", "size", "sha256", "kba_failures")
    doc = {key: value for key, value in transaction.items() if key not in hidden}
    doc["status"] = COARSE[transaction["detailed_status"]]
    doc["documents"] = [
        {key: value for key, value in one.items() if key not in hidden}
        for one in transaction["documents"]
    ]
    doc["signers"] = [
        {key: value for key, value in one.items() if key not in hidden}
        for one in transaction["signers"]
    ]
    doc["signer_info"] = doc["signers"][0] if doc["signers"] else None
    return doc


def create(call: Call) -> Json:
    """Make a transaction; without `draft` it would be sent at once, which is not played."""
    fields = transaction_fields(call.params)
    if not fields.pop("draft", False):
        raise Refused("sandbox_not_played: make a draft, add documents, then activate", status=400)
    if call.params.get("documents"):
        raise Refused("sandbox_not_played: add documents by their own call", status=400)
    signers = signers_sent(call.params)
    if signers is None:
        raise Refused("Need at least 1 signer")
    transaction: Json = {
        "id": "ot_" + token(10),
        "created": int(call.store.now()),
        "date_created": call.now,
        "detailed_status": "draft",
        "external_id": None,
        "transaction_name": None,
        "transaction_type": None,
        "activation_time": None,
        "expiry": None,
        "notary_meeting_time": None,
        "message_to_signer": None,
        "payer": "sender",
        "suppress_email": False,
        "authentication_requirement": "none",
        "redirect": call.params.get("redirect"),
        "cc_recipient_emails": call.params.get("cc_recipient_emails") or [],
        **fields,
        "documents": [],
        "notarization_record": None,
        "notarization_records": [],
        "recall_reason": None,
        "cost": 0,
        "audit_trail_url": None,
        "updated_seconds": call.store.now(),
    }
    transaction["signers"] = _with_links(call, transaction, signers)
    call.store.insert(
        kind="proof_transaction", doc=transaction, owner=transaction["external_id"] or ""
    )
    events.record(store=call.store, kind="transaction.created", transaction=transaction)
    return shown(transaction)


def read(call: Call) -> Json:
    """Return one transaction."""
    if call.query.get("document_url_version", "v1") not in ("v1", "v2"):
        raise Refused("Invalid value for document_url_version", status=400)
    return shown(find(call))


def listing(call: Call) -> Json:
    """List transactions, newest first, a page at a time."""
    known = {"limit", "offset", "last_updated_date_start", "last_updated_date_end",
             "created_date_start", "created_date_end", "transaction_status",
             "document_url_version"}  # fmt: skip
    if unknown := set(call.query) - known:
        raise Refused(f"Unknown parameter: {', '.join(sorted(unknown))}", status=400)
    limit = _number(call.query.get("limit", "20"), name="limit", most=_MOST_LISTED)
    offset = _number(call.query.get("offset", "0"), name="offset", most=None)
    found = [
        one
        for one in call.store.select(kind="proof_transaction", tail="ORDER BY seq DESC")
        if one["detailed_status"] != "deleted" and _is_wanted(call, one)
    ]
    page = found[offset : offset + limit]
    return {
        "total_count": len(found),
        "count": len(page),
        "data": [shown(one) for one in page],
    }


def edit(call: Call) -> Json:
    """Change a draft; signers that are sent replace those there are."""
    transaction = find(call)
    if not is_editable(transaction):
        raise Refused("Transaction is not a draft", status=403)
    fields = transaction_fields(call.params)
    if "documents" in call.params:
        raise Refused("sandbox_not_played: documents have their own call", status=400)
    if "draft" in fields:
        raise Refused("sandbox_not_played: activate by notarization_ready", status=400)
    transaction |= fields
    signers = signers_sent(call.params)
    if signers is not None:
        transaction["signers"] = _with_links(call, transaction, signers)
    save(call.store, transaction)
    events.record(store=call.store, kind="transaction.updated", transaction=transaction)
    return shown(transaction)


def activate(call: Call) -> Json:
    """Send a draft to its signers."""
    if unknown := set(call.params) - {"suppress_email", "require_new_signer_verification"}:
        raise Refused(f"Unknown parameter: {', '.join(sorted(unknown))}", status=400)
    transaction = find(call)
    if not is_editable(transaction):
        raise Refused("Transaction is not a draft", status=403)
    if not transaction["signers"] or not all(one["email"] for one in transaction["signers"]):
        raise Refused("Customer email not present")
    if not transaction["documents"]:
        raise Refused("Transaction has no documents", status=403)
    if any(one["processing_state"] != "done" for one in transaction["documents"]):
        raise Refused("Documents are still processing", status=403)
    if not any(one["requirement"] == "notarization" for one in transaction["documents"]):
        raise Refused(
            "At least one document needs to be enabled for notarization or identity confirmation"
        )
    if transaction["expiry"]:
        left = seconds_of(transaction["expiry"], name="expiry") - call.store.now()
        if left <= 0:
            raise Refused("expiry is in the past")
        call.store.set_timer(system="proof", kind="expire", ref=transaction["id"], seconds=left)
    is_silent = call.params.get("suppress_email", transaction["suppress_email"])
    transaction["detailed_status"] = "active" if is_silent else "sent_to_signer"
    save(call.store, transaction)
    events.record(store=call.store, kind="transaction.sent_to_signer", transaction=transaction)
    return shown(transaction)


def recall(call: Call) -> Json:
    """Take a sent transaction back; nobody can enter it any more."""
    transaction = find(call)
    if transaction["detailed_status"] not in _RECALLABLE:
        raise Refused("Transaction cannot be recalled")
    reason = call.query.get("recall_reason", "")
    if len(reason) > 2000:
        raise Refused("recall_reason is too long")
    transaction["detailed_status"] = "recalled"
    transaction["recall_reason"] = reason or None
    save(call.store, transaction)
    events.record(store=call.store, kind="transaction.recalled", transaction=transaction)
    return shown(transaction)


def delete(call: Call) -> Json:
    """Remove a transaction that nobody has completed."""
    transaction = find(call)
    if transaction["detailed_status"] in _BEGUN:
        raise Refused("Transaction has already been completed by at least 1 signer.")
    transaction["detailed_status"] = "deleted"
    save(call.store, transaction)
    events.record(store=call.store, kind="transaction.deleted", transaction=transaction)
    return {}


def resend(call: Call) -> Json:
    """Send the invitation again."""
    transaction = find(call)
    if transaction["detailed_status"] not in ("active", "sent_to_signer", "viewed"):
        raise Refused("Transaction is not waiting for a signer")
    return {}


def _with_links(call: Call, transaction: Json, signers: list[Json]) -> list[Json]:
    """Give signers their ids and links; who stays, by address, keeps them."""
    before = {one["email"].lower(): one for one in transaction.get("signers", [])}
    result = []
    for number, signer in enumerate(signers, start=1):
        known = before.get(signer["email"].lower())
        name = known["signer_id"] if known and signer["email"] else "oc_" + token(10)
        result.append(
            {
                **signer,
                "signer_id": name,
                "id": name,
                "order": number,
                "signing_status": "incomplete",
                "transaction_access_link": f"{call.base}/proof/sign/{transaction['id']}/{name}",
            }
        )
    return result


def _is_wanted(call: Call, transaction: Json) -> bool:
    start = call.query.get("last_updated_date_start")
    if start:
        from_ = seconds_of(start, name="last_updated_date_start")
        if transaction["updated_seconds"] < from_:
            return False
    end = call.query.get("last_updated_date_end")
    if end and transaction["updated_seconds"] > seconds_of(end, name="last_updated_date_end"):
        return False
    start = call.query.get("created_date_start")
    if start and transaction["created"] < seconds_of(start, name="created_date_start"):
        return False
    end = call.query.get("created_date_end")
    if end and transaction["created"] > seconds_of(end, name="created_date_end"):
        return False
    wanted = call.query.get("transaction_status")
    if wanted and wanted not in COARSE.values():
        raise Refused("Invalid value for transaction_status", status=400)
    return not wanted or COARSE[transaction["detailed_status"]] == wanted


def _number(text: Any, *, name: str, most: int | None) -> int:
    if not str(text).isdigit() or (most is not None and int(text) > most):
        raise Refused(f"{name} is not a number up to {most}", status=400)
    return int(text)

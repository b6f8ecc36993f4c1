"""Documents of a transaction: taken as base64, worked on for a moment, then ready."""

from __future__ import annotations

import base64
import binascii
import hashlib

from sandbox.proof import events
from sandbox.proof.call import Call
from sandbox.proof.errors import Refused
from sandbox.proof.transactions import find, is_editable, save, shown
from sandbox.store import Store
from sandbox.wire import Json, token

LARGEST = 30 * 1024 * 1024
LARGEST_BUNDLE = 500 * 1024 * 1024
REQUIREMENTS = ("notarization", "esign", "identity_confirmation", "readonly", "non_essential")
PROCESSING_SECONDS = 0.3
_FLAGS = ("customer_can_annotate", "witness_required")
_TEXTS = ("filename", "tracking_id", "authorization_header")


def add_document(call: Call) -> Json:
    """Add a document to a draft and begin to process it."""
    transaction = find(call)
    if not is_editable(transaction):
        raise Refused("Documents cannot be added to a transaction that is not a draft")
    params = call.params
    known = {"resource", "requirement", "bundle_position", *_FLAGS, *_TEXTS}
    if unknown := set(params) - known:
        raise Refused(f"Unknown parameter: {', '.join(sorted(unknown))}", status=400)
    requirement = params.get("requirement", "notarization")
    if requirement not in REQUIREMENTS:
        raise Refused("Invalid value for requirement")
    for name in _TEXTS:
        if not isinstance(params.get(name, ""), str):
            raise Refused(f"{name} is not a string", status=400)
    content = _content(params.get("resource"))
    bundle = sum(one["size"] for one in transaction["documents"]) + len(content)
    if bundle > LARGEST_BUNDLE:
        raise Refused("Argument Error, transaction size too large")
    document: Json = {
        "id": "do_" + token(10),
        "document_name": params.get("filename") or "document.pdf",
        "tracking_id": params.get("tracking_id"),
        "requirement": requirement,
        "processing_state": "pending",
        "processing_error": None,
        "completion_state": "incomplete",
        "final_document_url": None,
        "date_created": call.now,
        # What was really sent, for checkers; Proof itself shows neither.
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    transaction["documents"].append(document)
    save(call.store, transaction)
    said = {"document": {"id": document["id"]}}
    events.record(
        store=call.store, kind="transaction.document.upload", transaction=transaction, **said
    )
    call.store.set_timer(
        system="proof",
        kind="process_document",
        ref=f"{transaction['id']}/{document['id']}",
        seconds=float(call.store.knob("proof.processing_seconds", PROCESSING_SECONDS)),
    )
    return dict(shown(transaction)["documents"][-1])


def get_document(call: Call) -> Json:
    """Return one document of a transaction."""
    for document in shown(find(call))["documents"]:
        if document["id"] == call.other_ref:
            return dict(document)
    raise Refused("Document Not Found", status=404)


def process(*, store: Store, transaction_id: str, document_id: str) -> None:
    """Finish the processing of a document, if it is still there."""
    transaction = store.get(kind="proof_transaction", key=transaction_id)
    if transaction is None or transaction["detailed_status"] == "deleted":
        return
    for document in transaction["documents"]:
        if document["id"] == document_id:
            failing = bool(store.knob("proof.processing_fails", False))
            document["processing_state"] = "failed" if failing else "done"
            document["processing_error"] = "The PDF could not be read" if failing else None
            save(store, transaction)
            if not failing:
                events.record(
                    store=store,
                    kind="transaction.document.processed",
                    transaction=transaction,
                    document={"id": document_id},
                )


def _content(resource: object) -> bytes:
    if not isinstance(resource, str) or not resource:
        raise Refused("resource is required", status=400)
    if resource.startswith("https://"):
        raise Refused("sandbox_not_played: the sandbox fetches nothing; send base64", status=400)
    try:
        content = base64.b64decode(resource, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("resource is neither a URL nor a base64 encoded PDF", status=400) from error
    if not content.startswith(b"%PDF-"):
        raise Refused("The document is not a PDF")
    if len(content) > LARGEST:
        raise Refused("File is too big (max is 30MB)")
    return content

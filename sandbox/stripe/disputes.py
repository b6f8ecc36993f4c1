"""Disputes: opened by a test card or a knob, closed won or lost; refunds wait meanwhile."""

from __future__ import annotations

from sandbox.stripe.call import Call, Endpoint
from sandbox.stripe.errors import invalid, missing
from sandbox.stripe.events import record_event
from sandbox.stripe.objects import list_objects
from sandbox.stripe.params import EXPAND, PAGING, RANGE, TEXT
from sandbox.wire import Json, token

EVIDENCE_SECONDS = 9 * 24 * 3600


def open_dispute(call: Call, *, charge_id: str = "", intent_id: str = "") -> Json:
    """Dispute a captured charge, as its cardholder's bank would."""
    if intent_id and not charge_id:
        intent = call.store.get(kind="payment_intent", key=intent_id)
        if intent is None:
            raise missing("payment_intent", intent_id)
        charge_id = intent["latest_charge"] or ""
    charge = call.store.get(kind="charge", key=charge_id)
    if charge is None:
        raise missing("charge", charge_id)
    if charge["disputed"] or not charge["captured"]:
        raise invalid(f"Charge {charge_id} cannot be disputed.")
    dispute: Json = {
        "id": "du_1" + token(23),
        "object": "dispute",
        "amount": charge["amount"] - charge["amount_refunded"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": call.now + EVIDENCE_SECONDS,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": "fraudulent",
        "status": "needs_response",
    }
    call.store.insert(kind="dispute", doc=dispute, parent=charge["payment_intent"])
    charge["disputed"] = True
    call.store.replace(doc=charge)
    record_event(call, "charge.dispute.created", dispute)
    record_event(call, "charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(call: Call, *, won: bool) -> Json:
    """Decide a dispute; a won one gives the money back and frees refunds again."""
    dispute = call.store.get(kind="dispute", key=call.ref)
    if dispute is None:
        raise missing("dispute", call.ref)
    if dispute["status"] in {"won", "lost"}:
        raise invalid(f"Dispute {call.ref} is already closed.")
    dispute["status"] = "won" if won else "lost"
    call.store.replace(doc=dispute)
    record_event(call, "charge.dispute.closed", dispute)
    if won:
        charge = call.store.get(kind="charge", key=dispute["charge"])
        if charge is not None:
            charge["disputed"] = False
            call.store.replace(doc=charge)
        record_event(call, "charge.dispute.funds_reinstated", dispute)
    return dispute


def retrieve_dispute(call: Call) -> Json:
    """Return one dispute."""
    found = call.store.get(kind="dispute", key=call.ref)
    if found is None:
        raise missing("dispute", call.ref)
    return found


def list_disputes(call: Call) -> Json:
    """List disputes by intent, charge and time."""
    clauses, args = ["1"], []
    for name in ("payment_intent", "charge"):
        if value := call.params.get(name):
            clauses.append(f"json_extract(doc, '$.{name}') = ?")
            args.append(value)
    return list_objects(
        call, kind="dispute", url="/v1/disputes", where=" AND ".join(clauses), args=tuple(args)
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        pattern="/v1/disputes",
        run=list_disputes,
        spec={**PAGING, "created": RANGE, "charge": TEXT, "payment_intent": TEXT},
    ),
    Endpoint(
        method="GET", pattern="/v1/disputes/{id}", run=retrieve_dispute, spec={"expand": EXPAND}
    ),
)

"""Charges: read only; they are made and changed by the intents and refunds."""

from __future__ import annotations

from sandbox.stripe.call import Call, Endpoint
from sandbox.stripe.errors import missing
from sandbox.stripe.objects import list_objects
from sandbox.stripe.params import EXPAND, PAGING, RANGE, TEXT
from sandbox.wire import Json


def retrieve_charge(call: Call) -> Json:
    """Return one charge."""
    found = call.store.get(kind="charge", key=call.ref)
    if found is None:
        raise missing("charge", call.ref)
    return found


def list_charges(call: Call) -> Json:
    """List charges by intent, customer and time."""
    clauses, args = ["1"], []
    if intent := call.params.get("payment_intent"):
        if call.store.get(kind="payment_intent", key=intent) is None:
            raise missing("payment_intent", intent, param="payment_intent")
        clauses.append("parent = ?")
        args.append(intent)
    if customer := call.params.get("customer"):
        clauses.append("json_extract(doc, '$.customer') = ?")
        args.append(customer)
    return list_objects(
        call, kind="charge", url="/v1/charges", where=" AND ".join(clauses), args=tuple(args)
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        pattern="/v1/charges",
        run=list_charges,
        spec={**PAGING, "created": RANGE, "customer": TEXT, "payment_intent": TEXT},
    ),
    Endpoint(
        method="GET", pattern="/v1/charges/{id}", run=retrieve_charge, spec={"expand": EXPAND}
    ),
)

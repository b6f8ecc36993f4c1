"""Customers, as far as an intent may name one."""

from __future__ import annotations

from sandbox.stripe.call import Call, Endpoint
from sandbox.stripe.errors import missing
from sandbox.stripe.objects import list_objects
from sandbox.stripe.params import EXPAND, METADATA, PAGING, RANGE, TEXT, merge_metadata
from sandbox.wire import Json, token


def create_customer(call: Call) -> Json:
    """Create a customer."""
    doc: Json = {
        "id": "cus_" + token(14),
        "object": "customer",
        "created": call.now,
        "description": call.params.get("description"),
        "email": call.params.get("email"),
        "livemode": False,
        "metadata": merge_metadata({}, call.params.get("metadata")),
        "name": call.params.get("name"),
        "phone": call.params.get("phone"),
    }
    return call.store.insert(kind="customer", doc=doc, owner=doc["email"] or "")


def retrieve_customer(call: Call) -> Json:
    """Return one customer."""
    found = call.store.get(kind="customer", key=call.ref)
    if found is None:
        raise missing("customer", call.ref)
    return found


def list_customers(call: Call) -> Json:
    """List customers by e-mail and time."""
    email = call.params.get("email")
    return list_objects(
        call,
        kind="customer",
        url="/v1/customers",
        where="owner = ?" if email else "1",
        args=(email,) if email else (),
    )


ENDPOINTS = (
    Endpoint(
        method="POST",
        pattern="/v1/customers",
        run=create_customer,
        spec={
            "description": TEXT,
            "email": TEXT,
            "name": TEXT,
            "phone": TEXT,
            "metadata": METADATA,
            "expand": EXPAND,
        },
    ),
    Endpoint(
        method="GET",
        pattern="/v1/customers",
        run=list_customers,
        spec={**PAGING, "created": RANGE, "email": TEXT},
    ),
    Endpoint(
        method="GET", pattern="/v1/customers/{id}", run=retrieve_customer, spec={"expand": EXPAND}
    ),
)

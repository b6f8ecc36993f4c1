"""Charges: the API only reads them; the intents and refunds make and change them."""

from __future__ import annotations

from sandbox.stripe.call import AUTHORIZATION_SECONDS, Call, Endpoint
from sandbox.stripe.errors import missing
from sandbox.stripe.objects import list_objects
from sandbox.stripe.params import EXPAND, PAGING, RANGE, TEXT
from sandbox.wire import Json, token


def new_charge(call: Call, intent: Json, method: Json, *, status: str) -> Json:
    """Make a charge's object; the caller completes and stores it."""
    card = method["card"]
    manual = intent["capture_method"] == "manual"
    return {
        "id": "ch_3" + token(23),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "HMNP SANDBOX",
        "captured": False,
        "created": call.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": {
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "seller_message": "Payment complete.",
            "type": "authorized",
        },
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {
            "card": {
                "amount_authorized": intent["amount"],
                "brand": card["brand"],
                "capture_before": call.now + AUTHORIZATION_SECONDS if manual else None,
                "checks": {**card["checks"], "cvc_check": "pass"},
                "country": card["country"],
                "exp_month": card["exp_month"],
                "exp_year": card["exp_year"],
                "fingerprint": card["fingerprint"],
                "funding": card["funding"],
                "last4": card["last4"],
                "network": card["brand"],
                "wallet": None,
            },
            "type": "card",
        },
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": status,
        "transfer_data": None,
        "transfer_group": None,
        "_": {"card": method["_"]["card"]},
    }


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

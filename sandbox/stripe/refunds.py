"""Refunds: never above what was captured, at once or pending, and some fail later."""

from __future__ import annotations

from sandbox.stripe.call import Call, Endpoint
from sandbox.stripe.errors import ApiError, invalid, missing
from sandbox.stripe.events import record_event
from sandbox.stripe.objects import list_objects
from sandbox.stripe.params import (
    EXPAND,
    METADATA,
    PAGING,
    RANGE,
    TEXT,
    Param,
    merge_metadata,
)
from sandbox.stripe.payment_methods import card_of
from sandbox.wire import Json, token

SETTLE_SECONDS = 5


def _dollars(cents: int, currency: str) -> str:
    return f"${cents / 100:,.2f}" if currency == "usd" else f"{cents / 100:,.2f} {currency}"


def _charge_to_refund(call: Call) -> Json:
    charge_id, intent_id = call.params.get("charge"), call.params.get("payment_intent")
    if bool(charge_id) == bool(intent_id):
        raise invalid(
            "You may only specify one of these parameters: charge, payment_intent."
            if charge_id
            else "One of the following params should be provided for this request: "
            "payment_intent or charge."
        )
    if intent_id:
        intent = call.store.get(kind="payment_intent", key=intent_id)
        if intent is None:
            raise missing("payment_intent", intent_id, param="payment_intent")
        if intent["status"] != "succeeded":
            raise ApiError(
                400,
                f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.",
                code="payment_intent_unexpected_state",
                param="payment_intent",
            )
        charge_id = intent["latest_charge"]
    charge = call.store.get(kind="charge", key=str(charge_id))
    if charge is None:
        raise missing("charge", str(charge_id), param="charge")
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise ApiError(
            400, f"Charge {charge['id']} was not captured and cannot be refunded.", param="charge"
        )
    return charge


def create_refund(call: Call) -> Json:
    """Give back all or a part of a charge."""
    charge = _charge_to_refund(call)
    if charge["disputed"]:
        raise ApiError(400, f"Charge {charge['id']} has been charged back.", code="charge_disputed")
    rest = charge["amount"] - charge["amount_refunded"]
    if rest == 0:
        raise ApiError(
            400,
            f"Charge {charge['id']} has already been refunded.",
            code="charge_already_refunded",
        )
    amount: int = call.params.get("amount") or rest
    if amount > rest:
        whole = rest == charge["amount"]
        word = "charge amount" if whole else "unrefunded amount on charge"
        currency = charge["currency"]
        raise ApiError(
            400,
            f"Refund amount ({_dollars(amount, currency)}) is greater than {word} "
            f"({_dollars(rest, currency)})",
            code="amount_too_large",
            param="amount",
        )
    method = call.store.get(kind="payment_method", key=charge["payment_method"])
    behaviour = card_of(method).refund if method else ""
    refund: Json = {
        "id": "re_3" + token(23),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "destination_details": {
            "card": {"reference_status": "pending", "reference_type": "acquirer_reference_number",
                     "type": "refund"},
            "type": "card",
        },
        "metadata": merge_metadata({}, call.params.get("metadata")),
        "payment_intent": charge["payment_intent"],
        "reason": call.params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending" if behaviour == "pending" else "succeeded",
        "transfer_reversal": None,
    }  # fmt: skip
    if behaviour == "pending":
        refund["pending_reason"] = "processing"
    call.store.insert(kind="refund", doc=refund, parent=charge["payment_intent"])
    before = charge["amount_refunded"]
    _set_refunded(call, charge, before + amount)
    record_event(call, "refund.created", refund)
    record_event(call, "charge.refunded", charge, previous={"amount_refunded": before})
    if behaviour:
        seconds = call.store.knob("refund_seconds", SETTLE_SECONDS)
        call.store.set_timer(
            system="stripe", kind="settle_refund", ref=refund["id"], seconds=seconds
        )
    return refund


def _set_refunded(call: Call, charge: Json, cents: int) -> None:
    charge |= {"amount_refunded": cents, "refunded": cents == charge["amount"]}
    call.store.replace(doc=charge)


def settle_refund(call: Call, refund: Json) -> None:
    """End a refund that was pending, or let one fail that had succeeded, as its card says."""
    charge = call.store.get(kind="charge", key=refund["charge"])
    method = call.store.get(kind="payment_method", key=charge["payment_method"]) if charge else None
    if charge is None or method is None or refund["status"] in {"failed", "canceled"}:
        return
    previous = {"status": refund["status"]}
    if card_of(method).refund == "pending":
        refund |= {"status": "succeeded"}
        refund.pop("pending_reason", None)
    else:
        refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card",
                   "failure_balance_transaction": None}  # fmt: skip
        _set_refunded(call, charge, charge["amount_refunded"] - refund["amount"])
    call.store.replace(doc=refund)
    record_event(call, "refund.updated", refund, previous=previous)
    record_event(call, "charge.refund.updated", refund, previous=previous)
    if refund["status"] == "failed":
        record_event(call, "refund.failed", refund)


def _find(call: Call) -> Json:
    found = call.store.get(kind="refund", key=call.ref)
    if found is None:
        raise missing("refund", call.ref)
    return found


def retrieve_refund(call: Call) -> Json:
    """Return one refund."""
    return _find(call)


def update_refund(call: Call) -> Json:
    """Change a refund's metadata, the only thing that can change."""
    refund = _find(call)
    refund["metadata"] = merge_metadata(refund["metadata"], call.params.get("metadata"))
    call.store.replace(doc=refund)
    record_event(call, "refund.updated", refund)
    return refund


def cancel_refund(call: Call) -> Json:
    """Refuse: only a refund in requires_action can be canceled, which no card refund is."""
    refund = _find(call)
    raise ApiError(
        400,
        f"You cannot cancel this refund because it has a status of {refund['status']}. Only a "
        "refund with the status requires_action may be canceled.",
    )


def list_refunds(call: Call) -> Json:
    """List refunds by intent, charge and time."""
    clauses, args = ["1"], []
    if intent := call.params.get("payment_intent"):
        if call.store.get(kind="payment_intent", key=intent) is None:
            raise missing("payment_intent", intent, param="payment_intent")
        clauses.append("parent = ?")
        args.append(intent)
    if charge := call.params.get("charge"):
        clauses.append("json_extract(doc, '$.charge') = ?")
        args.append(charge)
    return list_objects(
        call, kind="refund", url="/v1/refunds", where=" AND ".join(clauses), args=tuple(args)
    )


ENDPOINTS = (
    Endpoint(
        method="POST",
        pattern="/v1/refunds",
        run=create_refund,
        spec={
            "amount": Param(kind="integer", minimum=1),
            "charge": TEXT,
            "payment_intent": TEXT,
            "metadata": METADATA,
            "reason": Param(choices=("duplicate", "fraudulent", "requested_by_customer")),
            "expand": EXPAND,
        },
        unplayed=frozenset(
            {
                "currency",
                "customer",
                "instructions_email",
                "origin",
                "refund_application_fee",
                "reverse_transfer",
            }
        ),
    ),
    Endpoint(
        method="GET",
        pattern="/v1/refunds",
        run=list_refunds,
        spec={**PAGING, "created": RANGE, "charge": TEXT, "payment_intent": TEXT},
    ),
    Endpoint(
        method="GET", pattern="/v1/refunds/{id}", run=retrieve_refund, spec={"expand": EXPAND}
    ),
    Endpoint(
        method="POST",
        pattern="/v1/refunds/{id}",
        run=update_refund,
        spec={"metadata": METADATA, "expand": EXPAND},
    ),
    Endpoint(
        method="POST",
        pattern="/v1/refunds/{id}/cancel",
        run=cancel_refund,
        spec={"expand": EXPAND},
    ),
)

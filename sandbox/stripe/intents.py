"""PaymentIntents: create, retrieve, list, update; the calls of all of their steps."""

from __future__ import annotations

from sandbox.stripe.call import Call, Endpoint
from sandbox.stripe.errors import ApiError, invalid, unexpected_state
from sandbox.stripe.events import record_event
from sandbox.stripe.intent_checks import (
    OPEN_STATES,
    check_amount,
    check_customer,
    check_types,
    find_intent,
    given_method,
)
from sandbox.stripe.intent_params import (
    AUTOMATIC,
    CAPTURE_METHOD,
    CONFIRM,
    CONFIRMING,
    SHARED,
    UNPLAYED,
)
from sandbox.stripe.intent_steps import cancel_intent, capture_intent, confirm_intent, confirm_with
from sandbox.stripe.objects import list_objects, shown
from sandbox.stripe.params import (
    BOOLEAN,
    EXPAND,
    METADATA,
    PAGING,
    PAYMENT_METHOD_DATA,
    RANGE,
    SHIPPING,
    TEXT,
    Param,
    merge_metadata,
)
from sandbox.wire import Json, token


def create_intent(call: Call) -> Json | ApiError:
    """Create an intent, and confirm it at once when `confirm` asks so."""
    params = call.params
    currency = params["currency"].lower()
    check_amount(amount=params["amount"], currency=currency)
    check_types(params)
    automatic = params.get("automatic_payment_methods") or {"enabled": True}
    if automatic["enabled"]:
        automatic = {"allow_redirects": automatic.get("allow_redirects", "always"),
                     "enabled": True}  # fmt: skip
    if not params.get("confirm"):
        for name in ("off_session", "error_on_requires_action", "return_url"):
            if params.get(name):
                raise invalid(
                    f"You cannot provide `{name}` when creating a PaymentIntent without "
                    "`confirm=true`.",
                    param=name,
                )
    customer = check_customer(call)
    name = "pi_3" + token(23)
    intent: Json = {
        "id": name,
        "object": "payment_intent",
        "allowed_payment_method_types": params.get("allowed_payment_method_types"),
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": automatic,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.get("capture_method") or "automatic_async",
        "client_secret": f"{name}_secret_{token(25)}",
        "confirmation_method": "automatic",
        "created": call.now,
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "description": params.get("description"),
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": merge_metadata({}, params.get("metadata")),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": params.get("payment_method_options")
        or {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": params.get("receipt_email"),
        "review": None,
        "setup_future_usage": params.get("setup_future_usage"),
        "shipping": params.get("shipping"),
        "source": None,
        "statement_descriptor": params.get("statement_descriptor"),
        "statement_descriptor_suffix": params.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
        "_": {"challenge": None, "return_url": None},
    }
    method = given_method(call)
    if params.get("confirm") and method is None:
        raise invalid(
            "You must provide a payment method when creating a PaymentIntent with `confirm=true`.",
            param="payment_method",
        )
    call.store.insert(kind="payment_intent", doc=intent, owner=customer or "")
    record_event(call, "payment_intent.created", intent)
    if method is None:
        return intent
    intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    call.store.replace(doc=intent)
    return confirm_with(call, intent, method) if params.get("confirm") else intent


def update_intent(call: Call) -> Json:
    """Change an intent; what the money depends on only while it is still open."""
    params = call.params
    intent = find_intent(call)
    for name in ("amount", "currency", "payment_method", "payment_method_data", "capture_method",
                 "customer", "setup_future_usage", "allowed_payment_method_types"):  # fmt: skip
        if name in params and intent["status"] not in OPEN_STATES:
            raise unexpected_state(
                f"This PaymentIntent's {name} could not be updated because it has a status of "
                f"{intent['status']}. You may only update the {name} of a PaymentIntent with one "
                f"of the following statuses: {', '.join(OPEN_STATES)}.",
                intent=shown(intent),
            )
    amount: int = params.get("amount") or intent["amount"]
    currency = (params.get("currency") or intent["currency"]).lower()
    check_amount(amount=amount, currency=currency)
    check_types(params)
    customer = check_customer(call)
    method = given_method(call)
    intent |= {"amount": amount, "currency": currency}
    intent["metadata"] = merge_metadata(intent["metadata"], params.get("metadata"))
    for name in ("description", "receipt_email", "shipping", "setup_future_usage",
                 "capture_method", "statement_descriptor", "statement_descriptor_suffix",
                 "payment_method_options", "allowed_payment_method_types"):  # fmt: skip
        if name in params:
            intent[name] = params[name]
    if customer:
        intent["customer"] = customer
        call.store.run("UPDATE objects SET owner = ? WHERE id = ?", (customer, intent["id"]))
    if method is not None:
        intent |= {"payment_method": method["id"], "status": "requires_confirmation",
                   "next_action": None}  # fmt: skip
    elif intent["status"] == "requires_action" and "amount" in params:
        # Another amount needs another authentication.
        intent |= {"status": "requires_confirmation", "next_action": None}
        intent["_"] = {**intent["_"], "challenge": None}
    return call.store.replace(doc=intent)


def retrieve_intent(call: Call) -> Json:
    """Return one intent."""
    return find_intent(call)


def list_intents(call: Call) -> Json:
    """List intents by customer and time, newest first."""
    customer = call.params.get("customer")
    return list_objects(
        call,
        kind="payment_intent",
        url="/v1/payment_intents",
        where="owner = ?" if customer else "1",
        args=(customer,) if customer else (),
    )


_ROOT = "/v1/payment_intents"
ENDPOINTS = (
    Endpoint(
        method="POST",
        pattern=_ROOT,
        run=create_intent,
        spec={
            **SHARED,
            **CONFIRMING,
            "amount": Param(kind="integer", required=True, minimum=1),
            "currency": Param(required=True),
            "automatic_payment_methods": AUTOMATIC,
            "capture_method": CAPTURE_METHOD,
            "confirm": BOOLEAN,
            "confirmation_method": Param(choices=("automatic",)),
        },
        unplayed=UNPLAYED,
    ),
    Endpoint(
        method="GET",
        pattern=_ROOT,
        run=list_intents,
        spec={**PAGING, "created": RANGE, "customer": TEXT},
        unplayed=UNPLAYED,
    ),
    Endpoint(
        method="GET",
        pattern=_ROOT + "/{id}",
        run=retrieve_intent,
        spec={"client_secret": TEXT, "expand": EXPAND},
        public_spec={"client_secret": Param(required=True)},
    ),
    Endpoint(
        method="POST",
        pattern=_ROOT + "/{id}",
        run=update_intent,
        spec={
            **SHARED,
            "amount": Param(kind="integer", minimum=1),
            "currency": TEXT,
            "capture_method": CAPTURE_METHOD,
        },
        unplayed=UNPLAYED,
    ),
    Endpoint(
        method="POST",
        pattern=_ROOT + "/{id}/confirm",
        run=confirm_intent,
        spec={**CONFIRM, "client_secret": TEXT},
        public_spec={
            "client_secret": Param(required=True),
            "payment_method": TEXT,
            "payment_method_data": PAYMENT_METHOD_DATA,
            "receipt_email": TEXT,
            "shipping": SHIPPING,
            "return_url": TEXT,
            "use_stripe_sdk": BOOLEAN,
            "expected_payment_method_type": Param(choices=("card",)),
        },
        unplayed=UNPLAYED,
    ),
    Endpoint(
        method="POST",
        pattern=_ROOT + "/{id}/capture",
        run=capture_intent,
        spec={
            "amount_to_capture": Param(kind="integer", minimum=1),
            "metadata": METADATA,
            "expand": EXPAND,
        },
        unplayed=UNPLAYED | {"statement_descriptor", "statement_descriptor_suffix"},
    ),
    Endpoint(
        method="POST",
        pattern=_ROOT + "/{id}/cancel",
        run=cancel_intent,
        spec={
            "cancellation_reason": Param(
                choices=("duplicate", "fraudulent", "requested_by_customer", "abandoned")
            ),
            "expand": EXPAND,
        },
    ),
)

"""PaymentIntents: create, retrieve, list, update, confirm, capture, cancel."""

from __future__ import annotations

from sandbox.stripe import lifecycle
from sandbox.stripe.call import Call, Endpoint
from sandbox.stripe.errors import ApiError, invalid, missing, unexpected_state
from sandbox.stripe.events import record_event
from sandbox.stripe.objects import list_objects, public_intent, shown
from sandbox.stripe.params import (
    BOOLEAN,
    EXPAND,
    METADATA,
    OPEN,
    PAGING,
    PAYMENT_METHOD_DATA,
    RANGE,
    SHIPPING,
    TEXT,
    Param,
    hash_of,
    merge_metadata,
)
from sandbox.stripe.payment_methods import method_from_data, method_from_name
from sandbox.wire import Json, token

MINIMUM_CENTS = {"usd": 50, "eur": 50, "gbp": 30, "cad": 50, "aud": 50, "mxn": 1000}
MAXIMUM_CENTS = 99_999_999
_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
_CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation",
               "requires_action")  # fmt: skip
_CAPTURE = Param(choices=("automatic", "automatic_async", "manual"))
_WORDS = {"confirm": "confirmed", "cancel": "canceled", "capture": "captured"}


def find_intent(call: Call) -> Json:
    """Return an intent; a browser must show its client secret."""
    intent = call.store.get(kind="payment_intent", key=call.ref)
    if intent is None:
        raise missing("payment_intent", call.ref, param="intent")
    if call.publishable and call.params.get("client_secret") != intent["client_secret"]:
        raise ApiError(
            400,
            "The client_secret provided does not match any associated PaymentIntent on this "
            "account. Ensure the provided client_secret and the PaymentIntent match.",
            code="payment_intent_invalid_parameter",
            param="client_secret",
        )
    return intent


def _view(call: Call, intent: Json) -> Json:
    return public_intent(intent) if call.publishable else shown(intent)


def _refuse(call: Call, intent: Json, verb: str, allowed: tuple[str, ...]) -> ApiError:
    if verb == "confirm" and intent["status"] == "succeeded":
        message = (
            "You cannot confirm this PaymentIntent because it has already succeeded after being "
            "previously confirmed."
        )
    else:
        message = (
            f"You cannot {verb} this PaymentIntent because it has a status of "
            f"{intent['status']}. Only a PaymentIntent with one of the following statuses may be "
            f"{_WORDS[verb]}: {', '.join(allowed)}."
        )
    return unexpected_state(message, intent=_view(call, intent))


def check_amount(*, amount: int, currency: str) -> None:
    """Refuse a currency the sandbox has not, and an amount outside Stripe's limits."""
    if currency not in MINIMUM_CENTS:
        raise invalid(
            f"Invalid currency: {currency}. The sandbox plays these currencies: "
            f"{', '.join(MINIMUM_CENTS)}",
            param="currency",
        )
    least = MINIMUM_CENTS[currency]
    if amount < least:
        raise invalid(
            f"Amount must be at least {least / 100:.2f} {currency}",
            param="amount",
            code="amount_too_small",
        )
    if amount > MAXIMUM_CENTS:
        raise invalid(
            f"Amount must be no more than {MAXIMUM_CENTS / 100:,.2f} {currency}",
            param="amount",
            code="amount_too_large",
        )


def _check_types(params: Json) -> None:
    for name in params.get("allowed_payment_method_types") or []:
        if name != "card":
            raise invalid(
                f"The payment method type provided: {name} is invalid. The sandbox plays `card`.",
                param="allowed_payment_method_types",
            )


def _check_customer(call: Call) -> str | None:
    customer: str | None = call.params.get("customer")
    if customer and call.store.get(kind="customer", key=customer) is None:
        raise missing("customer", customer, param="customer", status=400)
    return customer


def create_intent(call: Call) -> Json | ApiError:
    """Create an intent, and confirm it at once when `confirm` asks so."""
    params = call.params
    currency = params["currency"].lower()
    check_amount(amount=params["amount"], currency=currency)
    _check_types(params)
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
    customer = _check_customer(call)
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
    method = _method(call)
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
    return _confirm(call, intent, method) if params.get("confirm") else intent


def _method(call: Call) -> Json | None:
    name, data = call.params.get("payment_method"), call.params.get("payment_method_data")
    if name and data:
        raise invalid(
            "You may only specify one of these parameters: payment_method, payment_method_data."
        )
    if data:
        return method_from_data(call, data=data)
    return method_from_name(call, name=name) if name else None


def confirm_intent(call: Call) -> Json | ApiError:
    """Confirm an intent with the payment method given now or before."""
    intent = find_intent(call)
    if intent["status"] not in _OPEN:
        raise _refuse(call, intent, "confirm", _OPEN)
    method = _method(call)
    if method is None and intent["payment_method"]:
        method = call.store.get(kind="payment_method", key=intent["payment_method"])
    if method is None:
        raise unexpected_state(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
            "either update the PaymentIntent with a payment method and then confirm it again, or "
            "confirm it again directly with a payment method or ConfirmationToken.",
            intent=_view(call, intent),
        )
    for name in ("receipt_email", "shipping", "setup_future_usage"):
        if name in call.params:
            intent[name] = call.params[name]
    return _confirm(call, intent, method)


def _confirm(call: Call, intent: Json, method: Json) -> Json | ApiError:
    params = call.params
    if params.get("return_url") and not params["return_url"].startswith(("http://", "https://")):
        raise invalid("Not a valid URL", param="return_url", code="url_invalid")
    _check_types(params)
    if "allowed_payment_method_types" in params:
        intent["allowed_payment_method_types"] = params["allowed_payment_method_types"]
    automatic = intent["automatic_payment_methods"]
    may_redirect = automatic["enabled"] and automatic.get("allow_redirects") != "never"
    needs_url = may_redirect and not intent["allowed_payment_method_types"]
    by_browser = call.publishable or bool(params.get("use_stripe_sdk"))
    if needs_url and not by_browser and not params.get("return_url"):
        raise ApiError(
            400,
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. "
            "Because some of these payment methods might redirect your customer off of your page, "
            "you must provide a `return_url`. If you don't want to accept redirect-based payment "
            "methods, set `automatic_payment_methods[enabled]` to `true` and "
            "`automatic_payment_methods[allow_redirects]` to `never` when creating Payment Intents "
            "and Setup Intents.",
        )
    return lifecycle.attempt(
        call,
        intent,
        method,
        off_session=bool(params.get("off_session")),
        refuse_action=bool(params.get("error_on_requires_action")),
        return_url=params.get("return_url"),
        browser=bool(params.get("use_stripe_sdk")),
    )


def authenticate_intent(call: Call, *, passed: bool) -> Json | ApiError:
    """Go on with an intent in requires_action after its cardholder passed or failed 3-D Secure."""
    intent = call.store.get(kind="payment_intent", key=call.ref)
    if intent is None:
        raise missing("payment_intent", call.ref)
    if intent["status"] != "requires_action":
        return intent
    return lifecycle.finish_authentication(call, intent, authenticated=passed)


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


def update_intent(call: Call) -> Json:
    """Change an intent; what the money depends on only while it is still open."""
    params = call.params
    intent = find_intent(call)
    for name in ("amount", "currency", "payment_method", "payment_method_data", "capture_method",
                 "customer", "setup_future_usage", "allowed_payment_method_types"):  # fmt: skip
        if name in params and intent["status"] not in _OPEN:
            raise unexpected_state(
                f"This PaymentIntent's {name} could not be updated because it has a status of "
                f"{intent['status']}. You may only update the {name} of a PaymentIntent with one "
                f"of the following statuses: {', '.join(_OPEN)}.",
                intent=shown(intent),
            )
    amount: int = params.get("amount") or intent["amount"]
    currency = (params.get("currency") or intent["currency"]).lower()
    check_amount(amount=amount, currency=currency)
    _check_types(params)
    customer = _check_customer(call)
    method = _method(call)
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


def capture_intent(call: Call) -> Json:
    """Capture all or a part of an authorised payment."""
    intent = find_intent(call)
    if intent["status"] != "requires_capture":
        raise _refuse(call, intent, "capture", ("requires_capture",))
    amount: int = call.params.get("amount_to_capture") or intent["amount_capturable"]
    if amount > intent["amount_capturable"]:
        raise ApiError(
            400,
            f"The amount_to_capture ({amount}) is greater than the amount_capturable "
            f"({intent['amount_capturable']}).",
            code="amount_too_large",
            param="amount_to_capture",
        )
    intent["metadata"] = merge_metadata(intent["metadata"], call.params.get("metadata"))
    return lifecycle.capture(call, intent, amount=amount)


def cancel_intent(call: Call) -> Json:
    """Cancel an intent that has not succeeded and is not processing."""
    intent = find_intent(call)
    if intent["status"] not in _CANCELABLE:
        raise _refuse(call, intent, "cancel", _CANCELABLE)
    return lifecycle.cancel(call, intent, reason=call.params.get("cancellation_reason"))


_TYPES = {"allowed_payment_method_types": Param(kind="list")}
_SHARED = {
    **_TYPES,
    "description": Param(max_length=1000),
    "metadata": METADATA,
    "receipt_email": TEXT,
    "shipping": SHIPPING,
    "setup_future_usage": Param(choices=("off_session", "on_session")),
    "statement_descriptor": Param(max_length=22),
    "statement_descriptor_suffix": Param(max_length=22),
    "payment_method": TEXT,
    "payment_method_data": PAYMENT_METHOD_DATA,
    "payment_method_options": OPEN,
    "customer": TEXT,
    "expand": EXPAND,
}
_CONFIRMING = {
    "error_on_requires_action": BOOLEAN,
    "off_session": BOOLEAN,
    "return_url": TEXT,
    "use_stripe_sdk": BOOLEAN,
}
_CONFIRM = {
    name: _SHARED[name]
    for name in ("payment_method", "payment_method_data", "payment_method_options",
                 "receipt_email", "shipping", "setup_future_usage", "expand")
} | _CONFIRMING | _TYPES  # fmt: skip
_UNPLAYED = frozenset(
    {
        "amount_details",
        "amount_to_confirm",
        "application_fee_amount",
        "confirmation_token",
        "customer_account",
        "excluded_payment_method_types",
        "final_capture",
        "hooks",
        "mandate",
        "mandate_data",
        "on_behalf_of",
        "payment_details",
        "payment_method_configuration",
        "radar_options",
        "transfer_data",
        "transfer_group",
    }
)
_AUTOMATIC = hash_of(
    enabled=Param(kind="boolean", required=True), allow_redirects=Param(choices=("always", "never"))
)
_ROOT = "/v1/payment_intents"
ENDPOINTS = (
    Endpoint(
        method="POST",
        pattern=_ROOT,
        run=create_intent,
        spec={
            **_SHARED,
            **_CONFIRMING,
            "amount": Param(kind="integer", required=True, minimum=1),
            "currency": Param(required=True),
            "automatic_payment_methods": _AUTOMATIC,
            "capture_method": _CAPTURE,
            "confirm": BOOLEAN,
            "confirmation_method": Param(choices=("automatic",)),
        },
        unplayed=_UNPLAYED,
    ),
    Endpoint(
        method="GET",
        pattern=_ROOT,
        run=list_intents,
        spec={**PAGING, "created": RANGE, "customer": TEXT},
        unplayed=_UNPLAYED,
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
            **_SHARED,
            "amount": Param(kind="integer", minimum=1),
            "currency": TEXT,
            "capture_method": _CAPTURE,
        },
        unplayed=_UNPLAYED,
    ),
    Endpoint(
        method="POST",
        pattern=_ROOT + "/{id}/confirm",
        run=confirm_intent,
        spec={**_CONFIRM, "client_secret": TEXT},
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
        unplayed=_UNPLAYED,
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
        unplayed=_UNPLAYED | {"statement_descriptor", "statement_descriptor_suffix"},
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

"""What the intents' calls have in common: finding, checking and refusing."""

from __future__ import annotations

from sandbox.stripe.call import Call
from sandbox.stripe.errors import ApiError, invalid, missing, unexpected_state
from sandbox.stripe.objects import public_intent, shown
from sandbox.stripe.payment_methods import method_from_data, method_from_name
from sandbox.wire import Json

MINIMUM_CENTS = {"usd": 50, "eur": 50, "gbp": 30, "cad": 50, "aud": 50, "mxn": 1000}
MAXIMUM_CENTS = 99_999_999
OPEN_STATES = ("requires_payment_method", "requires_confirmation", "requires_action")
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


def view(call: Call, intent: Json) -> Json:
    """Return an intent as this caller may see it."""
    return public_intent(intent) if call.publishable else shown(intent)


def refusal(call: Call, intent: Json, verb: str, allowed: tuple[str, ...]) -> ApiError:
    """Say that a step is not allowed in the intent\'s status, and in which it is."""
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
    return unexpected_state(message, intent=view(call, intent))


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


def check_types(params: Json) -> None:
    """Refuse every payment method type but `card`."""
    for name in params.get("allowed_payment_method_types") or []:
        if name != "card":
            raise invalid(
                f"The payment method type provided: {name} is invalid. The sandbox plays `card`.",
                param="allowed_payment_method_types",
            )


def check_customer(call: Call) -> str | None:
    """Return the customer named, if any; refuse an unknown one."""
    customer: str | None = call.params.get("customer")
    if customer and call.store.get(kind="customer", key=customer) is None:
        raise missing("customer", customer, param="customer", status=400)
    return customer


def given_method(call: Call) -> Json | None:
    """Return the payment method given by id or data, if any."""
    name, data = call.params.get("payment_method"), call.params.get("payment_method_data")
    if name and data:
        raise invalid(
            "You may only specify one of these parameters: payment_method, payment_method_data."
        )
    if data:
        return method_from_data(call, data=data)
    return method_from_name(call, name=name) if name else None

"""The steps of an intent: confirm, authenticate, capture, cancel."""

from __future__ import annotations

from sandbox.stripe import lifecycle
from sandbox.stripe.call import Call
from sandbox.stripe.errors import ApiError, invalid, missing, unexpected_state
from sandbox.stripe.intent_checks import (
    OPEN_STATES,
    check_types,
    find_intent,
    given_method,
    refusal,
    view,
)
from sandbox.stripe.params import merge_metadata
from sandbox.wire import Json

_CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation",
               "requires_action")  # fmt: skip


def confirm_intent(call: Call) -> Json | ApiError:
    """Confirm an intent with the payment method given now or before."""
    intent = find_intent(call)
    if intent["status"] not in OPEN_STATES:
        raise refusal(call, intent, "confirm", OPEN_STATES)
    method = given_method(call)
    if method is None and intent["payment_method"]:
        method = call.store.get(kind="payment_method", key=intent["payment_method"])
    if method is None:
        raise unexpected_state(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
            "either update the PaymentIntent with a payment method and then confirm it again, or "
            "confirm it again directly with a payment method or ConfirmationToken.",
            intent=view(call, intent),
        )
    for name in ("receipt_email", "shipping", "setup_future_usage"):
        if name in call.params:
            intent[name] = call.params[name]
    return confirm_with(call, intent, method)


def confirm_with(call: Call, intent: Json, method: Json) -> Json | ApiError:
    """Confirm an open intent with a payment method."""
    params = call.params
    if params.get("return_url") and not params["return_url"].startswith(("http://", "https://")):
        raise invalid("Not a valid URL", param="return_url", code="url_invalid")
    check_types(params)
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


def capture_intent(call: Call) -> Json:
    """Capture all or a part of an authorised payment."""
    intent = find_intent(call)
    if intent["status"] != "requires_capture":
        raise refusal(call, intent, "capture", ("requires_capture",))
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
        raise refusal(call, intent, "cancel", _CANCELABLE)
    return lifecycle.cancel(call, intent, reason=call.params.get("cancellation_reason"))

"""How a payment moves: every status change of an intent and its charge, with its events."""

from __future__ import annotations

from sandbox.stripe import cards
from sandbox.stripe.call import AUTHORIZATION_SECONDS, Call
from sandbox.stripe.charges import new_charge
from sandbox.stripe.errors import ApiError
from sandbox.stripe.events import record_event
from sandbox.stripe.objects import public_intent, shown
from sandbox.stripe.payment_methods import card_of
from sandbox.wire import Json, token

_REFUSED_AUTHENTICATION = (
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or "
    "a new PaymentMethod to attempt to fulfill this PaymentIntent again."
)


def attempt(
    call: Call,
    intent: Json,
    method: Json,
    *,
    authenticated: bool = False,
    off_session: bool = False,
    refuse_action: bool = False,
    return_url: str | None = None,
    browser: bool = False,
) -> Json | ApiError:
    """Try to take the money; return the intent, or the decline with all it wrote kept."""
    card = card_of(method)
    intent["payment_method"] = method["id"]
    intent["last_payment_error"] = None
    intent["next_action"] = None
    if card.authenticate and not authenticated:
        if off_session or refuse_action:
            return decline(call, intent, method, "authentication_required")
        return _ask_authentication(call, intent, return_url=return_url, browser=browser)
    if card.decline:
        return decline(call, intent, method, card.decline)
    if card.processing:
        return _start_processing(call, intent, method)
    return _take(call, intent, method)


def _ask_authentication(call: Call, intent: Json, *, return_url: str | None, browser: bool) -> Json:
    challenge = "tdsrc_" + token(24)
    intent["status"] = "requires_action"
    intent["_"] = {**intent["_"], "challenge": challenge, "return_url": return_url}
    url = f"{call.base_url}/stripe/authenticate/{challenge}"
    if browser or not return_url:
        intent["next_action"] = {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {
                "type": "three_d_secure_redirect",
                "source": challenge,
                "stripe_js": url,
            },
        }
    else:
        intent["next_action"] = {
            "type": "redirect_to_url",
            "redirect_to_url": {"return_url": return_url, "url": url},
        }
    call.store.replace(doc=intent)
    record_event(call, "payment_intent.requires_action", intent)
    return intent


def finish_authentication(call: Call, intent: Json, *, authenticated: bool) -> Json | ApiError:
    """Go on after the cardholder passed or failed 3-D Secure."""
    method = call.store.get(kind="payment_method", key=intent["payment_method"])
    if method is None:
        raise KeyError(intent["payment_method"])
    if authenticated:
        return attempt(call, intent, method, authenticated=True)
    error = ApiError(
        402,
        _REFUSED_AUTHENTICATION,
        code="payment_intent_authentication_failure",
        kind="card_error",
        extra={"payment_method": shown(method)},
    )
    return _back_to_start(call, intent, error)


def decline(call: Call, intent: Json, method: Json, reason: str) -> ApiError:
    """Write a failed charge and send the intent back for another card."""
    charge = new_charge(call, intent, method, status="failed")
    code = cards.error_code(decline=reason)
    message = cards.MESSAGES[reason]
    charge |= {"failure_code": code, "failure_message": message}
    charge["outcome"] = {
        "advice_code": "try_again_later" if reason == "processing_error" else None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "not_sent_to_network" if reason == "fraudulent" else
        "declined_by_network",
        "reason": reason,
        "risk_level": "highest" if reason == "fraudulent" else "normal",
        "seller_message": "The bank returned the decline code "
        f"`{reason}`.",
        "type": "blocked" if reason == "fraudulent" else "issuer_declined",
    }  # fmt: skip
    call.store.insert(kind="charge", doc=charge, parent=intent["id"])
    record_event(call, "charge.failed", charge)
    extra: Json = {"charge": charge["id"], "payment_method": shown(method)}
    if code != "processing_error":
        extra["decline_code"] = reason
    intent["latest_charge"] = charge["id"]
    error = ApiError(402, message, code=code, kind="card_error", extra=extra)
    return _back_to_start(call, intent, error)


def _back_to_start(call: Call, intent: Json, error: ApiError) -> ApiError:
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "next_action": None,
        "processing": None,
        "last_payment_error": dict(error.body),
    }
    intent["_"] = {**intent["_"], "challenge": None}
    call.store.replace(doc=intent)
    record_event(call, "payment_intent.payment_failed", intent)
    error.body["payment_intent"] = public_intent(intent) if call.publishable else shown(intent)
    return error


def _start_processing(call: Call, intent: Json, method: Json) -> Json:
    charge = new_charge(call, intent, method, status="pending")
    call.store.insert(kind="charge", doc=charge, parent=intent["id"])
    intent |= {
        "status": "processing",
        "latest_charge": charge["id"],
        "processing": {"type": "card", "card": {"customer_notification": None}},
    }
    call.store.replace(doc=intent)
    record_event(call, "charge.pending", charge)
    record_event(call, "payment_intent.processing", intent)
    seconds = call.store.knob("processing_seconds", call.config.processing_seconds)
    call.store.set_timer(
        system="stripe", kind="finish_processing", ref=intent["id"], seconds=seconds
    )
    return intent


def finish_processing(call: Call, intent: Json) -> None:
    """End a payment that was processing, as its card says."""
    method = call.store.get(kind="payment_method", key=intent["payment_method"])
    charge = call.store.get(kind="charge", key=intent["latest_charge"])
    if intent["status"] != "processing" or method is None or charge is None:
        return
    intent["processing"] = None
    if card_of(method).processing == "succeeds":
        charge |= {"status": "succeeded", "paid": True, "captured": True,
                   "amount_captured": charge["amount"]}  # fmt: skip
        call.store.replace(doc=charge)
        record_event(call, "charge.succeeded", charge)
        _succeeded(call, intent)
        return
    message = cards.MESSAGES["generic_decline"]
    charge |= {"status": "failed", "failure_code": "card_declined", "failure_message": message}
    call.store.replace(doc=charge)
    record_event(call, "charge.failed", charge)
    extra: Json = {
        "charge": charge["id"],
        "decline_code": "generic_decline",
        "payment_method": shown(method),
    }
    _back_to_start(
        call, intent, ApiError(402, message, code="card_declined", kind="card_error", extra=extra)
    )


def _take(call: Call, intent: Json, method: Json) -> Json:
    manual = intent["capture_method"] == "manual"
    charge = new_charge(call, intent, method, status="succeeded")
    charge |= {"paid": True, "captured": not manual,
               "amount_captured": 0 if manual else charge["amount"]}  # fmt: skip
    call.store.insert(kind="charge", doc=charge, parent=intent["id"])
    intent["latest_charge"] = charge["id"]
    record_event(call, "charge.succeeded", charge)
    if manual:
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        call.store.replace(doc=intent)
        record_event(call, "payment_intent.amount_capturable_updated", intent)
        call.store.set_timer(
            system="stripe", kind="expire_authorization", ref=intent["id"],
            seconds=AUTHORIZATION_SECONDS,
        )  # fmt: skip
        return intent
    _succeeded(call, intent)
    if card_of(method).dispute:
        call.store.set_timer(system="stripe", kind="open_dispute", ref=charge["id"], seconds=1)
    return intent


def _succeeded(call: Call, intent: Json) -> None:
    intent |= {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "next_action": None,
        "last_payment_error": None,
    }
    intent["_"] = {**intent["_"], "challenge": None}
    call.store.replace(doc=intent)
    record_event(call, "payment_intent.succeeded", intent)


def capture(call: Call, intent: Json, *, amount: int) -> Json:
    """Capture an authorised payment; what is not captured goes back."""
    charge = call.store.get(kind="charge", key=intent["latest_charge"])
    if charge is None:
        raise KeyError(intent["latest_charge"])
    rest = charge["amount"] - amount
    charge |= {"captured": True, "amount_captured": amount, "amount_refunded": rest}
    call.store.replace(doc=charge)
    intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
    call.store.replace(doc=intent)
    record_event(call, "charge.captured", charge)
    record_event(call, "payment_intent.succeeded", intent)
    return intent


def cancel(call: Call, intent: Json, *, reason: str | None) -> Json:
    """Cancel an intent and give back what was only authorised."""
    if intent["status"] == "requires_capture":
        charge = call.store.get(kind="charge", key=intent["latest_charge"])
        if charge is not None:
            charge |= {"refunded": True, "amount_refunded": charge["amount"]}
            call.store.replace(doc=charge)
            record_event(call, "charge.refunded", charge)
    intent |= {
        "status": "canceled",
        "canceled_at": call.now,
        "cancellation_reason": reason,
        "amount_capturable": 0,
        "next_action": None,
    }
    intent["_"] = {**intent["_"], "challenge": None}
    call.store.replace(doc=intent)
    record_event(call, "payment_intent.canceled", intent)
    return intent

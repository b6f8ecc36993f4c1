"""Payment methods: made from a card number or a test name; the number itself is never kept."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from sandbox.stripe import cards
from sandbox.stripe.call import Call, Endpoint
from sandbox.stripe.errors import ApiError, invalid, missing
from sandbox.stripe.params import EXPAND, METADATA, PAYMENT_METHOD_DATA
from sandbox.wire import Json, token

EMPTY_BILLING: Json = {
    "address": {
        "city": None,
        "country": None,
        "line1": None,
        "line2": None,
        "postal_code": None,
        "state": None,
    },
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}


def _card_error(message: str, code: str, param: str) -> ApiError:
    return ApiError(402, message, code=code, param=param, kind="card_error", stored=False)


def check_number(call: Call, data: Json) -> cards.TestCard:
    """Check a card's number, date and code as Stripe's form check does; return what it plays."""
    card = data.get("card")
    if not card:
        raise invalid("Missing required param: card.", param="card", code="parameter_missing")
    if not call.publishable:
        raise ApiError(
            402,
            "Sending credit card numbers directly to the Stripe API is generally unsafe. To "
            "continue processing use Stripe.js, the Stripe mobile bindings, or Stripe Elements.",
            kind="invalid_request_error",
            stored=False,
        )
    number = card["number"].replace(" ", "").replace("-", "")
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19) or not cards.is_luhn(
        number=number
    ):
        raise _card_error("Your card number is incorrect.", "incorrect_number", "number")
    today = datetime.fromtimestamp(call.now, UTC)
    year = card["exp_year"] + (2000 if card["exp_year"] < 100 else 0)
    if not 1 <= card["exp_month"] <= 12:
        raise _card_error("Your card's expiration month is invalid.", "invalid_expiry_month",
                          "exp_month")  # fmt: skip
    if (year, card["exp_month"]) < (today.year, today.month) or year > today.year + 50:
        raise _card_error("Your card's expiration year is invalid.", "invalid_expiry_year",
                          "exp_year")  # fmt: skip
    code = card.get("cvc")
    if code is not None:
        length = 4 if cards.brand(number=number) == "amex" else 3
        if not (code.isdigit() and len(code) == length):
            raise _card_error("Your card's security code is invalid.", "invalid_cvc", "cvc")
    return cards.find_card(wish=number) or cards.UNKNOWN


def make_method(
    call: Call,
    *,
    card: cards.TestCard,
    number: str,
    exp_month: int,
    exp_year: int,
    billing: Json | None = None,
    metadata: dict[str, str] | None = None,
) -> Json:
    """Store a payment method; of the number only brand, last four and a fingerprint remain."""
    fingerprint = hashlib.sha256(number.encode()).hexdigest()[:16]
    address = {**EMPTY_BILLING["address"], **((billing or {}).get("address") or {})}
    doc: Json = {
        "id": "pm_1" + token(23),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {**EMPTY_BILLING, **(billing or {}), "address": address},
        "card": {
            "brand": cards.brand(number=number),
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "unchecked",
            },
            "country": "US",
            "display_brand": cards.brand(number=number),
            "exp_month": exp_month,
            "exp_year": exp_year,
            "fingerprint": fingerprint,
            "funding": "debit" if card.name == "pm_card_visa_debit" else "credit",
            "generated_from": None,
            "last4": number[-4:],
            "networks": {"available": [cards.brand(number=number)], "preferred": None},
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": call.now,
        "customer": None,
        "livemode": False,
        "metadata": metadata or {},
        "type": "card",
        "_": {"card": card.name},
    }
    return call.store.insert(kind="payment_method", doc=doc)


def method_from_name(call: Call, *, name: str) -> Json:
    """Return the payment method of an id, or make one from a `pm_card_…` test name."""
    found = call.store.get(kind="payment_method", key=name)
    if found:
        return found
    card = cards.BY_NAME.get(name)
    if card is None:
        raise missing("PaymentMethod", name, param="payment_method", status=400)
    year = datetime.fromtimestamp(call.now, UTC).year + 1
    return make_method(call, card=card, number=card.number, exp_month=12, exp_year=year)


def method_from_data(call: Call, *, data: Json) -> Json:
    """Make a payment method from `payment_method_data`."""
    card = check_number(call, data)
    raw = data["card"]
    year = raw["exp_year"] + (2000 if raw["exp_year"] < 100 else 0)
    return make_method(
        call,
        card=card,
        number=raw["number"].replace(" ", "").replace("-", ""),
        exp_month=raw["exp_month"],
        exp_year=year,
        billing=data.get("billing_details"),
        metadata=data.get("metadata"),
    )


def card_of(method: Json) -> cards.TestCard:
    """Return the behaviour of a payment method."""
    return cards.BY_NAME.get(method["_"]["card"], cards.UNKNOWN)


def create_method(call: Call) -> Json:
    """Create a payment method from a card number (publishable key only)."""
    return method_from_data(call, data=call.params)


def retrieve_method(call: Call) -> Json:
    """Return one payment method."""
    found = call.store.get(kind="payment_method", key=call.ref)
    if found is None:
        raise missing("PaymentMethod", call.ref)
    return found


_CREATE = {**PAYMENT_METHOD_DATA.fields, "expand": EXPAND, "metadata": METADATA}
ENDPOINTS = (
    Endpoint(
        method="POST",
        pattern="/v1/payment_methods",
        run=create_method,
        spec=_CREATE,
        public_spec=_CREATE,
    ),
    Endpoint(
        method="GET",
        pattern="/v1/payment_methods/{id}",
        run=retrieve_method,
        spec={"expand": EXPAND},
    ),
)

"""The parameters the intents' calls take."""

from __future__ import annotations

from sandbox.stripe.params import (
    BOOLEAN,
    EXPAND,
    METADATA,
    OPEN,
    PAYMENT_METHOD_DATA,
    SHIPPING,
    TEXT,
    Param,
    hash_of,
)

CAPTURE_METHOD = Param(choices=("automatic", "automatic_async", "manual"))
TYPES = {"allowed_payment_method_types": Param(kind="list")}
SHARED = {
    **TYPES,
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
CONFIRMING = {
    "error_on_requires_action": BOOLEAN,
    "off_session": BOOLEAN,
    "return_url": TEXT,
    "use_stripe_sdk": BOOLEAN,
}
CONFIRM = {
    name: SHARED[name]
    for name in ("payment_method", "payment_method_data", "payment_method_options",
                 "receipt_email", "shipping", "setup_future_usage", "expand")
} | CONFIRMING | TYPES  # fmt: skip
UNPLAYED = frozenset(
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
AUTOMATIC = hash_of(
    enabled=Param(kind="boolean", required=True), allow_redirects=Param(choices=("always", "never"))
)

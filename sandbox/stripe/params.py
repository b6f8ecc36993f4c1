"""What each Stripe parameter may be, and Stripe's words when it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.stripe.errors import ApiError, invalid
from sandbox.wire import Json


@dataclass(frozen=True, kw_only=True)
class Param:
    """One parameter: its kind, and for a hash its own parameters."""

    kind: str = "string"
    required: bool = False
    choices: tuple[str, ...] = ()
    fields: Mapping[str, Param] = field(default_factory=dict)
    max_length: int = 5000
    minimum: int | None = None


Spec = Mapping[str, Param]
TEXT = Param()
INTEGER = Param(kind="integer")
BOOLEAN = Param(kind="boolean")
METADATA = Param(kind="metadata")
OPEN = Param(kind="open")
EXPAND = Param(kind="list")


def hash_of(**fields: Param) -> Param:
    """Make a parameter that holds other parameters."""
    return Param(kind="hash", fields=fields)


RANGE = Param(
    kind="range", fields={name: Param(kind="integer") for name in ("gt", "gte", "lt", "lte")}
)
PAGING: Spec = {
    "limit": Param(kind="integer", minimum=1),
    "starting_after": TEXT,
    "ending_before": TEXT,
    "expand": EXPAND,
}
ADDRESS = hash_of(
    **dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"), TEXT)
)
BILLING = hash_of(address=ADDRESS, email=TEXT, name=TEXT, phone=TEXT, tax_id=TEXT)
SHIPPING = hash_of(
    address=ADDRESS, carrier=TEXT, name=Param(required=True), phone=TEXT, tracking_number=TEXT
)
CARD = hash_of(
    number=Param(required=True),
    exp_month=Param(kind="integer", required=True),
    exp_year=Param(kind="integer", required=True),
    cvc=TEXT,
)
PAYMENT_METHOD_DATA = hash_of(
    type=Param(required=True, choices=("card",)),
    card=CARD,
    billing_details=BILLING,
    metadata=METADATA,
    allow_redisplay=Param(choices=("always", "limited", "unspecified")),
)


def clean(raw: Json, spec: Spec, *, unplayed: frozenset[str] = frozenset(), at: str = "") -> Json:
    """Check and convert parameters; raise ApiError in Stripe's words on the first fault."""
    for name in raw:
        if name in unplayed and not at:
            raise invalid(
                f"Stripe knows the parameter `{name}`, but the sandbox does not play it.",
                param=name,
                code="sandbox_not_played",
            )
        if name not in spec:
            shown = _name(at, name)
            raise invalid(f"Received unknown parameter: {shown}", param=shown,
                          code="parameter_unknown")  # fmt: skip
    result: Json = {}
    for name, param in spec.items():
        shown = _name(at, name)
        if name not in raw:
            if param.required:
                raise invalid(f"Missing required param: {shown}.", param=shown,
                              code="parameter_missing")  # fmt: skip
            continue
        result[name] = _convert(raw[name], param, shown)
    return result


def _name(at: str, name: str) -> str:
    return f"{at}[{name}]" if at else name


def _convert(value: Any, param: Param, shown: str) -> Any:
    if value == "" and param.kind != "metadata":
        if param.required or param.kind in {"integer", "boolean"}:
            raise _empty(shown)
        return None
    if param.kind == "open":
        return value
    if param.kind == "metadata":
        return _metadata(value, shown)
    if param.kind == "range" and isinstance(value, str):
        return {"gte": _integer(value, shown), "lte": _integer(value, shown)}
    if param.kind in {"hash", "range"}:
        if not isinstance(value, dict):
            raise invalid("Invalid object", param=shown)
        return clean(value, param.fields, at=shown)
    if param.kind == "list":
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise invalid("Invalid array", param=shown)
        return value
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {value}", param=shown, code="parameter_invalid_string")
    if param.kind == "integer":
        return _bounded(_integer(value, shown), param, shown)
    if param.kind == "boolean":
        if value not in {"true", "false"}:
            raise invalid(f"Invalid boolean: {value}", param=shown)
        return value == "true"
    if param.choices and value not in param.choices:
        raise invalid(f"Invalid {shown}: must be one of {', '.join(param.choices)}", param=shown)
    if len(value) > param.max_length:
        raise invalid(f"Invalid string: must be at most {param.max_length} characters", param=shown)
    return value


def _empty(shown: str) -> ApiError:
    return invalid(
        f"You passed an empty string for '{shown}'. We assume empty values are an attempt to "
        f"unset a parameter; however '{shown}' cannot be unset.",
        param=shown,
        code="parameter_invalid_empty",
    )


def _integer(value: str, shown: str) -> int:
    digits = value[1:] if value.startswith("-") else value
    if not (digits.isascii() and digits.isdigit()):
        raise invalid(f"Invalid integer: {value}", param=shown, code="parameter_invalid_integer")
    return int(value)


def _bounded(number: int, param: Param, shown: str) -> int:
    if param.minimum is not None and number < param.minimum:
        raise invalid(
            f"This value must be greater than or equal to {param.minimum}.",
            param=shown,
            code="parameter_invalid_integer",
        )
    return number


def _metadata(value: Any, shown: str) -> dict[str, str]:
    if value == "":
        return {"": ""}
    if not isinstance(value, dict):
        raise invalid("Invalid object", param=shown)
    if len(value) > 50:
        raise invalid("You can store up to 50 keys in metadata.", param=shown)
    for key, text in value.items():
        if not isinstance(text, str):
            raise invalid(f"Invalid string: {text}", param=f"{shown}[{key}]")
        if len(key) > 40:
            raise invalid(
                f"Metadata keys must be at most 40 characters ('{key}' is {len(key)}).", param=shown
            )
        if len(text) > 500:
            raise invalid(
                f"Metadata values can have up to 500 characters, but you passed in a value that is "
                f"{len(text)} characters.",
                param=f"{shown}[{key}]",
            )
    return dict(value)


def merge_metadata(old: dict[str, str], new: dict[str, str] | None) -> dict[str, str]:
    """Apply a metadata parameter: an empty value removes its key, an empty whole removes all."""
    if new is None:
        return old
    if new == {"": ""}:
        return {}
    return {key: text for key, text in {**old, **new}.items() if text != ""}

"""What a body or query may hold: unknown fields, wrong types and missing ones are a 422."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.ghl.errors import Refused
from sandbox.wire import Json


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field: its kind, and what it may be when it is text."""

    kind: str = "text"
    required: bool = False
    choices: tuple[str, ...] = ()


TEXT = Field()
NEEDED = Field(required=True)
NUMBER = Field(kind="number")
FLAG = Field(kind="flag")
LIST = Field(kind="list")
INSTANT = Field(kind="instant")

Spec = Mapping[str, Field]


def check(values: Json, spec: Spec) -> None:
    """Raise Refused, naming everything that is wrong, unless the values fit."""
    wrong = [f"property {name} should not exist" for name in values if name not in spec]
    for name, field in spec.items():
        value = values.get(name)
        if value is None or value == "":
            if field.required:
                wrong += [f"{name} should not be empty", f"{name} must be a string"]
            continue
        wrong += _faults(name, value, field)
    if wrong:
        raise Refused(wrong, status=422)


def _faults(name: str, value: Any, field: Field) -> list[str]:
    if field.kind == "number":
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        return [] if fits else [f"{name} must be a number"]
    if field.kind == "flag":
        return [] if isinstance(value, bool) else [f"{name} must be a boolean value"]
    if field.kind == "list":
        return [] if isinstance(value, list) else [f"{name} must be an array"]
    if not isinstance(value, str):
        return [f"{name} must be a string"]
    if field.kind == "instant" and instant(value) is None:
        return [f"{name} must be a valid ISO 8601 date string with an offset"]
    if field.choices and value not in field.choices:
        return [f"{name} must be one of the following values: {', '.join(field.choices)}"]
    return []


def instant(text: str) -> datetime | None:
    """Read a time with its offset, or return None."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None

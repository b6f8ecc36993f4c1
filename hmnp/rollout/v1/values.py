"""V1's money, people and places, made as clean as they can be without asking anybody."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import phonenumbers

from hmnp.core.money import cents

Row = Mapping[str, Any]

_EMAIL = re.compile(r"[^@\s,;<>]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_ZIP = re.compile(r"\b(\d{5})(?:-\d{4})?\b(?!.*\b\d{5}\b)")
_PHONE = re.compile(r"(?:phone|tel|cell|mobile)\W{0,3}(\+?[\d().\s-]{10,18}\d)", re.IGNORECASE)
# Nearly all of them; the rest is parsed at length.
_US = re.compile(r"1?[2-9]\d{2}[2-9]\d{6}")
# What V1 put into its notes because it had no column.
_MACHINE = re.compile(
    r"(utm_|gclid|https?://|payment (method|url)|confirmation code|^phone:)", re.IGNORECASE
)
_MOST_CENTS = 10_000_000


def pick(row: Row, *names: str) -> Any:
    """Give the first value that is there."""
    for name in names:
        value = row.get(name)
        if value is not None and value != "":
            return value
    return None


def text(row: Row, *names: str, most: int) -> str:
    """Give a value as one trimmed line without control characters, cut to `most`."""
    value = pick(row, *names)
    if not isinstance(value, str | int | float):
        return ""
    written = str(value)
    if not written.isprintable():
        written = "".join(c if c.isprintable() else " " for c in written)
    return " ".join(written.split())[:most]


def money(value: object) -> int | None:
    """Give cents of V1's dollars, rounded half up; None when it is none. Raises ValueError."""
    if value is None or value == "":
        return None
    try:
        amount = Decimal(str(value))
        found = cents(amount)
    except (InvalidOperation, ValueError, OverflowError):
        raise ValueError(f"{value!r} is no amount") from None
    if abs(found) > _MOST_CENTS:
        raise ValueError(f"{value!r} is no amount we believe")
    return found


def count(row: Row, *names: str) -> int:
    """Give how many, at least 1 and at most 99."""
    value = pick(row, *names)
    try:
        return min(max(int(value), 1), 99)
    except (TypeError, ValueError):
        return 1


def email(row: Row) -> tuple[str, bool]:
    """Give the customer's address in one spelling, and whether it is one.

    Without one, an address that reaches nobody and is the same for the same row.
    """
    found = text(row, "customerEmail", "email", most=254).lower().removeprefix("mailto:")
    if _EMAIL.fullmatch(found):
        return found, True
    digest = hashlib.sha256(str(row.get("id")).encode()).hexdigest()[:12]
    return f"unknown-{digest}@v1.invalid", False


def phone(row: Row) -> str:
    """Give the number in E.164, from its column or from the notes; "" without one."""
    written = text(row, "customerPhone", "phone", most=40)
    if not written:
        hit = _PHONE.search(str(row.get("notes") or ""))
        written = hit.group(1) if hit else ""
    return e164(written)


def e164(written: str) -> str:
    """Give a written number in E.164, "" when it is none."""
    if not written:
        return ""
    digits = "".join(c for c in written if c.isdigit())
    if _US.fullmatch(digits) and not written.startswith("+"):
        return f"+1{digits[-10:]}"
    try:
        number = phonenumbers.parse(written, "US")
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def instructions(row: Row) -> str:
    """Give what a person wrote of the notes, without what machines put there; 500 characters."""
    written = [row.get("locationNotes"), row.get("specialInstructions"), row.get("notes")]
    lines = [
        line.strip()
        for part in written
        if isinstance(part, str)
        for line in part.replace("\0", "").splitlines()
    ]
    kept = dict.fromkeys(line for line in lines if line and not _MACHINE.search(line))
    return " / ".join(kept)[:500]


@dataclass(frozen=True)
class Place:
    """Where the notary comes to; any part may be ""."""

    street: str
    city: str
    state: str
    zip_code: str


def place(row: Row) -> Place:
    """Give the address, also when all of it was written into the street."""
    nested = row.get("address")
    source: Row = {**row, **nested} if isinstance(nested, Mapping) else row
    loose = nested if isinstance(nested, str) else None
    street = text(source, "addressStreet", "street", "locationAddress", most=200)
    street = street or (" ".join(loose.split())[:200] if loose else "")
    city = text(source, "addressCity", "city", most=80)
    state = text(source, "addressState", "state", most=20)
    zip_code = text(source, "addressZip", "zip", "postalCode", most=10)
    hit = _ZIP.search(zip_code) or _ZIP.search(street)
    found = hit.group(1) if hit else ""
    if not city and street.count(",") >= 1:
        parts = [part.strip() for part in street.split(",")]
        named = [part for part in parts[1:] if not re.match(r"^(TX|Texas|USA?|\d)", part)]
        city = named[0][:80] if named else ""
        street = parts[0]
    short = "TX" if state.lower() in ("", "texas", "tx") else state[:2].upper()
    return Place(street=street[:120], city=city, state=short, zip_code=found)

"""What Proof demands of a transaction's fields; a field it does not know is refused here."""

from __future__ import annotations

import re
from typing import Any

from sandbox.proof.call import seconds_of
from sandbox.proof.errors import Refused
from sandbox.wire import Json

MOST_SIGNERS = 10
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+[1-9]\d{7,14}")

_TEXTS = {
    "external_id": 255,
    "transaction_name": 255,
    "transaction_type": 100,
    "message_to_signer": 2000,
    "message_subject": 255,
    "notary_id": 100,
    "activation_time": 100,
    "expiry": 100,
    "notary_meeting_time": 100,
}
_FLAGS = ("draft", "suppress_email")
_CHOICES = {
    "payer": ("sender", "signer"),
    "authentication_requirement": ("sms", "none"),
}
_TIMES = ("activation_time", "expiry", "notary_meeting_time")
_OTHERS = ("signer", "signers", "documents", "redirect", "cc_recipient_emails")
_SIGNER_TEXTS = {"first_name": 30, "middle_name": 30, "last_name": 30, "external_id": 255}
_SIGNER_OTHERS = (
    "email",
    "phone_number",
    "dob",
    "address",
    "order",
    "signing_requirement",
    "personally_known_to_notary",
)


def transaction_fields(params: Json) -> Json:
    """Return the plain fields of a transaction that were sent; raise Refused."""
    known = {*_TEXTS, *_FLAGS, *_CHOICES, *_OTHERS}
    if unknown := set(params) - known:
        raise Refused(f"Unknown parameter: {', '.join(sorted(unknown))}", status=400)
    fields: Json = {}
    for name, longest in _TEXTS.items():
        if name in params:
            fields[name] = _text(params[name], name=name, longest=longest)
    for name in _FLAGS:
        if name in params:
            if not isinstance(params[name], bool):
                raise Refused(f"{name} is not a boolean", status=400)
            fields[name] = params[name]
    for name, allowed in _CHOICES.items():
        if name in params:
            if params[name] not in allowed:
                raise Refused(f"Invalid value for {name}")
            fields[name] = params[name]
    for name in _TIMES:
        if fields.get(name):
            seconds_of(fields[name], name=name)
    return fields


def signers_sent(params: Json) -> list[Json] | None:
    """Return the signers that were sent, None when none were; raise Refused."""
    if "signer" in params and "signers" in params:
        raise Refused("Send signer or signers, not both", status=400)
    sent = [params["signer"]] if "signer" in params else params.get("signers")
    if sent is None:
        return None
    if not isinstance(sent, list) or not all(isinstance(one, dict) for one in sent):
        raise Refused("signers is not an array of objects", status=400)
    if not sent:
        raise Refused("Need at least 1 signer")
    if len(sent) > MOST_SIGNERS:
        raise Refused(f"A transaction has at most {MOST_SIGNERS} signers")
    checked = [_signer(one) for one in sent]
    emails = [one["email"].lower() for one in checked if one["email"]]
    if len(set(emails)) < len(emails):
        raise Refused("Signer emails must be unique")
    return checked


def _signer(sent: Json) -> Json:
    known = {*_SIGNER_TEXTS, *_SIGNER_OTHERS}
    if unknown := set(sent) - known:
        raise Refused(f"Unknown parameter in signer: {', '.join(sorted(unknown))}", status=400)
    email = sent.get("email") or ""
    if email and (not isinstance(email, str) or not _EMAIL.fullmatch(email)):
        raise Refused("Signer email is invalid")
    phone = sent.get("phone_number") or ""
    if phone and (not isinstance(phone, str) or not _PHONE.fullmatch(phone)):
        raise Refused("Signer phone_number is invalid")
    return {
        "email": email,
        "phone_number": phone or None,
        **{
            name: _text(sent[name], name=f"signer {name}", longest=longest)
            for name, longest in _SIGNER_TEXTS.items()
            if sent.get(name)
        },
    }


def _text(value: Any, *, name: str, longest: int) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise Refused(f"{name} is not a string", status=400)
    if len(value) > longest:
        raise Refused(f"{name} is too long (maximum is {longest} characters)")
    return value

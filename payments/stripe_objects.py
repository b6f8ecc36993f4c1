"""From Stripe's objects to the plain frozen values that cross the border."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from payments.provider import Intent, IntentStatus, ProviderDispute, ProviderRefund, StripeEvent


def as_intent(found: Any) -> Intent:
    """Read an intent."""
    facts = cast(dict[str, Any], found.to_dict())
    error = facts.get("last_payment_error") or {}
    declined = facts["status"] == IntentStatus.REQUIRES_PAYMENT_METHOD and bool(error)
    # A failed 3-D Secure makes no charge; its payment method is as good a name.
    attempt = error.get("charge") or (error.get("payment_method") or {}).get("id")
    return Intent(
        id=facts["id"],
        status=IntentStatus(facts["status"]),
        amount_cents=facts["amount"],
        amount_received_cents=facts.get("amount_received") or 0,
        currency=str(facts["currency"]).upper(),
        client_secret=facts.get("client_secret") or "",
        decline_code=str(error.get("decline_code") or error.get("code") or "declined")
        if declined
        else "",
        attempt_id=str(attempt or facts.get("latest_charge") or "") if declined else "",
        metadata=dict(facts.get("metadata") or {}),
    )


def as_refund(found: Any) -> ProviderRefund:
    """Read a refund."""
    facts = cast(dict[str, Any], found.to_dict())
    return ProviderRefund(
        id=facts["id"],
        intent_id=str(facts.get("payment_intent") or ""),
        status=str(facts["status"]),
        amount_cents=facts["amount"],
        failure_reason=str(facts.get("failure_reason") or ""),
        metadata=dict(facts.get("metadata") or {}),
    )


def as_event(document: Mapping[str, Any]) -> StripeEvent:
    """Read an event. Raises `KeyError`, `TypeError` when it is none."""
    thing = document["data"]["object"]
    kind = str(thing["object"])
    intent = thing["id"] if kind == "payment_intent" else thing.get("payment_intent")
    return StripeEvent(
        id=str(document["id"]),
        type=str(document["type"]),
        created_at=datetime.fromtimestamp(document["created"], tz=UTC),
        object_type=kind,
        object_id=str(thing.get("id") or ""),
        intent_id=intent if isinstance(intent, str) else "",
        metadata={str(k): str(v) for k, v in (thing.get("metadata") or {}).items()},
    )


def as_dispute(found: Any) -> ProviderDispute:
    """Read a dispute."""
    facts = cast(dict[str, Any], found.to_dict())
    return ProviderDispute(
        id=facts["id"],
        intent_id=str(facts.get("payment_intent") or ""),
        status=str(facts["status"]),
        reason=str(facts.get("reason") or ""),
        amount_cents=facts["amount"],
        opened_at=datetime.fromtimestamp(facts["created"], tz=UTC),
    )

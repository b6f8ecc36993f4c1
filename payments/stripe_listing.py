"""Stripe's own records in bulk, page by page, for comparing them with ours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from payments.provider import GatewayError, Intent, ProviderRefund
from payments.stripe_gateway import converse, retrieve_intent, retrieve_refund
from payments.stripe_objects import as_intent, as_refund

_PAGE = 100
_MISSING = "resource_missing"


def list_intents(*, since: datetime) -> list[Intent]:
    """List every intent made since then, newest first. Raises `GatewayError`."""
    wish: dict[str, Any] = {"created": {"gte": int(since.timestamp())}, "limit": _PAGE}
    return converse(
        lambda client: [
            as_intent(found)
            for found in client.v1.payment_intents.list(wish).auto_paging_iter()  # type: ignore[arg-type]  # one dict for all pages
        ]
    )


def list_refunds(*, since: datetime) -> list[ProviderRefund]:
    """List every refund made since then, newest first. Raises `GatewayError`."""
    return _refunds({"created": {"gte": int(since.timestamp())}})


def refunds_at_stripe(*, intent_id: str) -> list[ProviderRefund]:
    """List every refund of one intent. Raises `GatewayError`."""
    return _refunds({"payment_intent": intent_id})


def look_up_intent(*, intent_id: str) -> Intent | None:
    """Fetch an intent; None when Stripe has none of this id. Raises `GatewayError`."""
    try:
        return retrieve_intent(intent_id=intent_id)
    except GatewayError as error:
        if error.code == _MISSING:
            return None
        raise


def look_up_refund(*, provider_refund_id: str) -> ProviderRefund | None:
    """Fetch a refund; None when Stripe has none of this id. Raises `GatewayError`."""
    try:
        return retrieve_refund(provider_refund_id=provider_refund_id)
    except GatewayError as error:
        if error.code == _MISSING:
            return None
        raise


def charged_at(*, intent_id: str) -> datetime | None:
    """Tell when an intent's money was taken; None when none was. Raises `GatewayError`."""
    found = converse(
        lambda client: client.v1.payment_intents.retrieve(
            intent_id, {"expand": ["latest_charge"]}
        ).to_dict()
    )
    charge = found.get("latest_charge")
    if not isinstance(charge, dict):
        return None
    return datetime.fromtimestamp(charge["created"], tz=UTC)


def _refunds(wish: dict[str, Any]) -> list[ProviderRefund]:
    wish = {**wish, "limit": _PAGE}
    return converse(
        lambda client: [
            as_refund(found)
            for found in client.v1.refunds.list(wish).auto_paging_iter()  # type: ignore[arg-type]  # as above
        ]
    )

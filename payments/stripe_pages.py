"""Where staff see a payment or a dispute on Stripe's own pages."""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings

_API = "https://api.stripe.com"
_DASHBOARD = "https://dashboard.stripe.com"


def payment_page(intent_id: str | None) -> str:
    """Give the address of a payment's page; empty without one, or where Stripe is a stand-in."""
    return _page("payments", intent_id)


def dispute_page(dispute_id: str | None) -> str:
    """Give the address of a dispute's page; empty as above."""
    return _page("disputes", dispute_id)


def _page(kind: str, stripe_id: str | None) -> str:
    if not stripe_id or settings.STRIPE_API_BASE.rstrip("/") != _API:
        return ""
    mode = "test/" if "_test_" in settings.STRIPE_API_KEY else ""
    return f"{_DASHBOARD}/{mode}{kind}/{quote(stripe_id, safe='')}"

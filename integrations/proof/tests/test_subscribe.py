"""Proof tells this site under the site's own key."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from integrations.proof.tests.driving import Outside

pytestmark = pytest.mark.django_db


def subscribe() -> str:
    out = io.StringIO()
    call_command("subscribe_proof", stdout=out)
    return out.getvalue().strip()


def test_the_sites_own_address_is_subscribed_with_its_own_key(
    outside: Outside, settings: Settings
) -> None:
    settings.PUBLIC_BASE_URL = "http://127.0.0.1:9/"
    settings.PROOF_WEBHOOK_SIGNING_KEY = "a key of this test"
    said = subscribe()
    name = said.rpartition(" ")[2].rstrip(".")
    kept = outside.web.get("/_sandbox/proof/webhook_endpoints").json()["data"]
    (mine,) = [one for one in kept if one["id"] == name]
    assert mine["url"] == "http://127.0.0.1:9/api/v2/webhooks/proof"
    assert mine["secret"] == "a key of this test"
    assert "transaction.signer.kba_failed" in mine["enabled_events"]
    outside.web.delete(f"/_sandbox/proof/webhook_endpoints/{name}")


def test_without_keys_or_with_a_refused_one_it_says_so(
    outside: Outside, settings: Settings
) -> None:
    settings.PROOF_API_KEY = "prf_wrong"
    with pytest.raises(CommandError, match="Proof answered 401: Not authenticated"):
        subscribe()
    settings.PROOF_WEBHOOK_SIGNING_KEY = ""
    with pytest.raises(CommandError, match="must be set first"):
        subscribe()

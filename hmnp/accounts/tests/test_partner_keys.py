"""Keys are made for partners, two at a time at most, and open only what they say."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from hmnp.accounts.models import Partner, PartnerApiKey, Scope, Terms

pytestmark = pytest.mark.django_db


def make_key(*arguments: str, partner: str = "Gulf Title", scopes: str = "bookings:read") -> str:
    """Make a key by the command, and give it."""
    out = StringIO()
    call_command(
        "create_partner_key", "--partner", partner, "--scopes", scopes, *arguments, stdout=out
    )
    return out.getvalue().splitlines()[-1]


def _list(client: Client, key: str, **extra: str) -> int:
    headers = {"Authorization": f"Api-Key {key}"}
    return client.get("/api/v2/bookings", headers=headers, **extra).status_code  # type: ignore[arg-type]  # WSGI variables


def test_the_command_makes_the_partner_and_a_key_that_opens_the_api(client: Client) -> None:
    key = make_key()
    partner = Partner.objects.get(name="Gulf Title")
    assert partner.terms == Terms.CARD
    assert _list(client, key) == 200
    assert not PartnerApiKey.objects.filter(hashed_key__contains=key).exists()
    again = make_key(scopes=",".join(Scope.values))
    assert Partner.objects.count() == 1
    assert _list(client, again) == 200


def test_a_third_live_key_is_refused_until_one_is_revoked(client: Client) -> None:
    first = make_key()
    make_key()
    with pytest.raises(CommandError, match="2 live keys"):
        make_key()
    PartnerApiKey.objects.filter(prefix=first.partition(".")[0]).update(revoked=True)
    assert _list(client, first) == 401
    assert _list(client, make_key()) == 200
    with pytest.raises(ValidationError):
        PartnerApiKey(partner=Partner.objects.get(), name="x").clean()


@pytest.mark.parametrize("scopes", ["", "bookings:read,money", "*"])
def test_unknown_scopes_are_refused_and_leave_nothing(scopes: str) -> None:
    with pytest.raises(CommandError, match="unknown scopes"):
        make_key(scopes=scopes)
    assert not Partner.objects.exists()


def test_an_expired_key_opens_nothing(client: Client) -> None:
    assert _list(client, make_key("--expires-in-days", "-1")) == 401
    assert _list(client, make_key("--expires-in-days", "1")) == 200


@pytest.mark.parametrize(
    ("peer", "status"),
    [("203.0.113.9", 200), ("198.51.100.1", 401), ("2001:db8::7", 200), ("2001:db9::7", 401)],
)
def test_a_key_with_addresses_opens_from_those_only(client: Client, peer: str, status: int) -> None:
    key = make_key("--addresses", "203.0.113.0/24, 2001:db8::/32")
    assert _list(client, key, REMOTE_ADDR=peer) == status
    # What the client says of itself is no address.
    forged = {"HTTP_X_FORWARDED_FOR": "203.0.113.9", "HTTP_X_REAL_IP": "203.0.113.9"}
    assert _list(client, key, REMOTE_ADDR=peer, **forged) == status


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(CommandError, match="neither an IP address nor a network"):
        make_key("--addresses", "the office")
    assert not Partner.objects.exists()

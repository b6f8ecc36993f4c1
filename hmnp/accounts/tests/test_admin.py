"""Staff make partners and keys in the admin."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from hmnp.accounts.models import Partner, PartnerApiKey, Terms
from hmnp.accounts.tests.desk_door import open_desk

pytestmark = pytest.mark.django_db

ADD_KEY = reverse("admin:accounts_partnerapikey_add")


@pytest.fixture
def staff(client: Client) -> Client:
    open_desk(client, User.objects.create_superuser("owner"))
    return client


@pytest.fixture
def gulf() -> Partner:
    return Partner.objects.create(name="Gulf Title")


def key_form(partner: Partner, **changes: Any) -> dict[str, Any]:
    return {
        "partner": partner.pk,
        "name": "scheduler",
        "scopes": ["bookings:read", "bookings:write"],
        "addresses": "203.0.113.0/24\r\n\r\n 2001:db8::7 ",
        **changes,
    }


def test_a_key_is_made_with_ticks_and_lines_and_shown_once(staff: Client, gulf: Partner) -> None:
    form = staff.get(ADD_KEY).content.decode()
    assert len(re.findall(r'type="checkbox" name="scopes"', form)) == 4
    assert "at most 2 live keys" in form
    page = staff.post(ADD_KEY, key_form(gulf), follow=True).content.decode()
    (text,) = re.findall(r"<code>(\w+\.\w+)</code>", page)
    key = PartnerApiKey.objects.get_from_key(text)
    assert key.scopes == ["bookings:read", "bookings:write"]  # type: ignore[attr-defined]  # the manager's type is its base
    assert key.addresses == ["203.0.113.0/24", "2001:db8::7"]  # type: ignore[attr-defined]  # the same
    for name in ("changelist", "change"):
        args = [key.pk] if name == "change" else []
        again = staff.get(reverse(f"admin:accounts_partnerapikey_{name}", args=args))
        assert again.status_code == 200
        assert text not in again.content.decode()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scopes": []}, "This field is required."),
        ({"scopes": ["everything"]}, "everything is not one of the available choices"),
        ({"addresses": "203.0.113.9\nthe office"}, "the office is neither an IP address"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(
    staff: Client, gulf: Partner, changes: dict[str, Any], said: str
) -> None:
    page = staff.post(ADD_KEY, key_form(gulf, **changes))
    assert page.status_code == 200
    assert said in page.content.decode()
    assert not PartnerApiKey.objects.exists()


def test_a_third_live_key_is_refused_in_words_and_revoking_makes_room(
    staff: Client, gulf: Partner
) -> None:
    for _ in range(2):
        staff.post(ADD_KEY, key_form(gulf))
    page = staff.post(ADD_KEY, key_form(gulf))
    assert "Gulf Title has 2 live keys; revoke one of them first." in page.content.decode()
    oldest = PartnerApiKey.objects.earliest("created")
    change = reverse("admin:accounts_partnerapikey_change", args=[oldest.pk])
    assert staff.post(change, key_form(gulf, revoked="on")).status_code == 302
    assert staff.get(change).status_code == 200
    assert staff.post(ADD_KEY, key_form(gulf)).status_code == 302
    assert PartnerApiKey.objects.filter(revoked=False).count() == 2


def test_a_partners_services_are_one_a_line(staff: Client, gulf: Partner) -> None:
    change = reverse("admin:accounts_partner_change", args=[gulf.pk])
    sent = {
        "name": "Gulf Title",
        "terms": Terms.STATEMENT,
        "allowed_services": "ron\r\nloan-signing\r\nron",
        "max_live_holds": 20,
        "rate_factor": 3,
        "is_active": "on",
    }
    assert staff.post(change, sent).status_code == 302
    gulf.refresh_from_db()
    assert gulf.allowed_services == ["ron", "loan-signing"]
    assert "ron\nloan-signing</textarea>" in staff.get(change).content.decode()

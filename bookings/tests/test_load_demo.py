"""The demonstration's people."""

from __future__ import annotations

from datetime import date

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth import authenticate, get_user_model
from django.core.management import call_command

from bookings.actions.load_demo import load_demo
from bookings.models import Notary, NotaryHours
from bookings.slots import free_slots
from bookings.tests.callers import Caller
from bookings.tests.factories import NOW
from hmnp.accounts.models import Partner, PartnerApiKey
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db


def test_the_house_is_filled_once(catalogue: Catalogue) -> None:
    first, second = load_demo(), load_demo()
    assert Notary.objects.count() == 3
    assert NotaryHours.objects.count() == 21
    assert Partner.objects.count() == PartnerApiKey.objects.count() == 1
    assert get_user_model().objects.count() == len(second.staff) == 4
    for name in second.staff:
        assert authenticate(username=name, password=second.staff_password)
    # The secret stays, so that the app on one's phone does.
    assert (first.totp_secret, first.recovery_code) == (second.totp_secret, second.recovery_code)
    assert second.totp_secret not in str(Authenticator.objects.values_list("data"))
    assert Notary.objects.get(user__username="demo-notary").name == "Maria Alvarez"
    assert Caller(f"Api-Key {second.partner_key}").get("/bookings").status_code == 200
    assert Caller(f"Api-Key {first.partner_key}").get("/bookings").status_code == 401


def test_what_staff_changed_stays(catalogue: Catalogue) -> None:
    load_demo()
    Notary.objects.update(daily_capacity=1)
    user = get_user_model().objects.get(username="staff")
    user.set_password("of-my-own-choice")
    user.save()
    load_demo()
    assert set(Notary.objects.values_list("daily_capacity", flat=True)) == {1}
    assert authenticate(username=user.get_username(), password="of-my-own-choice")


def test_every_service_can_then_be_booked(catalogue: Catalogue) -> None:
    load_demo()
    for service in vars(catalogue).values():
        zip_code = "77573" if service.is_mobile else None
        assert free_slots(
            service=service, zip_code=zip_code, first_day=date(2027, 3, 3), days=1, now=NOW
        )


def test_the_command_tells_how_to_get_in(
    catalogue: Catalogue, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("load_demo")
    said = capsys.readouterr().out
    assert "staff" in said
    assert PartnerApiKey.objects.get().prefix in said

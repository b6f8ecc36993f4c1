"""The staff door: a password alone opens nothing, a code is good once, guessing ends soon."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.checks import Error
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from hmnp.accounts.codes import code_now, reseal_factors
from hmnp.accounts.demo_staff import check_no_demo_staff
from hmnp.accounts.tests.desk_door import SECRET, give_app, open_desk

pytestmark = pytest.mark.django_db

PASSWORD, NEW_PASSWORD = "long-and-unguessable-7", "another-good-one-8"
LOGIN, CODE, DESK = "/accounts/login/", "/accounts/2fa/authenticate/", "/admin/"
SETUP = "/accounts/2fa/"


@pytest.fixture
def ana() -> User:
    """The owner, without a second factor yet."""
    return User.objects.create_superuser("ana", password=PASSWORD)


def sign_in(client: Client, name: str = "ana", password: str = PASSWORD) -> str:
    """Type name and password; give where that leads."""
    answer = client.post(LOGIN, {"login": name, "password": password})
    return answer["Location"] if answer.status_code == 302 else str(answer.status_code)


def leads_from(client: Client, address: str) -> str:
    """Give where an address leads in the end."""
    answer = client.get(address, follow=True)
    return str(answer.request["PATH_INFO"])


def test_a_password_alone_never_opens_the_desk(client: Client, ana: User) -> None:
    give_app(ana)
    assert sign_in(client) == CODE
    for address in (DESK, "/admin/bookings/booking/", "/accounts/2fa/recovery-codes/"):
        assert leads_from(client, address) in (LOGIN, CODE)
    assert client.get("/api/v2/bookings").status_code == 401
    assert "_auth_user_id" not in client.session


def test_a_field_of_the_door_says_its_label_once(client: Client, ana: User) -> None:
    give_app(ana)
    assert "placeholder" not in client.get(LOGIN).content.decode()
    sign_in(client)
    assert "placeholder" not in client.get(CODE).content.decode()


def test_a_session_that_knows_only_the_password_is_ended_once_there_is_a_factor(
    client: Client, ana: User
) -> None:
    client.force_login(ana)
    assert client.get(DESK).status_code == 302
    assert client.get("/api/v2/bookings").status_code == 401
    give_app(ana)
    for address in (DESK, SETUP, "/accounts/2fa/app/activate/", "/accounts/2fa/passkeys/add/"):
        client.force_login(ana)
        assert leads_from(client, address) == LOGIN
        assert "_auth_user_id" not in client.session


def test_the_app_s_code_opens_the_desk_and_is_good_once(client: Client, ana: User) -> None:
    give_app(ana)
    sign_in(client)
    code = code_now(secret=SECRET)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    assert client.post(CODE, {"code": wrong}).status_code == 200
    assert client.get(DESK).status_code == 302
    assert client.post(CODE, {"code": code})["Location"] == DESK
    assert client.get(DESK).status_code == 200
    # Neither a second session nor an emptied cache makes a used code good again.
    cache.clear()
    again = Client()
    sign_in(again)
    assert again.post(CODE, {"code": code}).status_code == 200
    assert again.get(DESK).status_code == 302
    with time_machine.travel(timezone.now() + timedelta(seconds=60)):
        assert again.post(CODE, {"code": code_now(secret=SECRET)})["Location"] == DESK


def test_a_recovery_code_works_once(ana: User) -> None:
    give_app(ana)
    first, second = RecoveryCodes.activate(ana).generate_codes()[:2]
    for code, opens in ((first, True), (first, False), (second, True)):
        client = Client()
        sign_in(client)
        assert (client.post(CODE, {"code": code}).status_code == 302) is opens
        assert (client.get(DESK).status_code == 200) is opens


def test_whoever_has_no_factor_is_led_to_set_one_up_and_gets_nothing_else(
    client: Client, ana: User
) -> None:
    assert sign_in(client) == DESK
    for address in (DESK, "/admin/auth/user/", "/accounts/password/change/"):
        assert leads_from(client, address) == SETUP
    assert client.get("/api/v2/bookings").status_code == 401
    page = client.get("/accounts/2fa/app/activate/").content.decode()
    secret = page.split('<code class="secret">')[1].split("<")[0]
    assert client.post("/accounts/2fa/app/activate/", {"code": "000000"}).status_code == 200
    done = client.post("/accounts/2fa/app/activate/", {"code": code_now(secret=secret)})
    codes = client.get(done["Location"]).content.decode()
    assert codes.count("<li><code>") == 10
    assert "<li><code>" not in client.get(done["Location"]).content.decode()
    assert client.get(DESK).status_code == 200
    # At rest the secret is sealed.
    kept = Authenticator.objects.get(user=ana, type=Authenticator.Type.TOTP)
    assert secret not in str(kept.data)


def test_a_reset_factor_and_a_changed_password_end_the_sessions(client: Client, ana: User) -> None:
    other = Client()
    for each in (client, other):
        open_desk(each, ana)
        assert each.get(DESK).status_code == 200
    changed = client.post(
        "/accounts/password/change/",
        {
            "oldpassword": PASSWORD,
            "password1": "another-good-one-8",
            "password2": "another-good-one-8",
        },
    )
    assert changed.status_code == 302
    assert client.get(DESK).status_code == 200
    assert leads_from(other, DESK) == LOGIN
    Authenticator.objects.filter(user=ana).delete()
    assert leads_from(client, DESK) == SETUP


def test_eight_hours_are_the_end_however_busy_one_was(client: Client, ana: User) -> None:
    start = timezone.now()
    open_desk(client, ana)
    for hours in (3, 6, 7.9):
        with time_machine.travel(start + timedelta(hours=hours)):
            session = client.session
            session["busy"] = hours
            session.save()
            assert client.get(DESK).status_code == 200
    with time_machine.travel(start + timedelta(hours=8.1)):
        assert leads_from(client, DESK) == LOGIN


def test_factors_outlive_a_change_of_the_servers_key(
    client: Client, ana: User, settings: Settings
) -> None:
    give_app(ana)
    RecoveryCodes.activate(ana)
    old = settings.TOKEN_KEYS
    settings.TOKEN_KEYS = f"next:{'n' * 40},{old}"
    assert (reseal_factors(), reseal_factors()) == (2, 0)
    settings.TOKEN_KEYS = f"next:{'n' * 40}"
    sign_in(client)
    assert client.post(CODE, {"code": code_now(secret=SECRET)})["Location"] == DESK
    # Without that a code is refused, and nothing breaks.
    settings.TOKEN_KEYS = f"third:{'t' * 40}"
    late = Client()
    sign_in(late)
    assert late.post(CODE, {"code": "123456"}).status_code == 200
    with pytest.raises(CommandError, match="TOKEN_KEYS"):
        call_command("reseal_factors")


def test_nobody_but_staff_signs_in(client: Client, settings: Settings) -> None:
    User.objects.create_user("customer", password=PASSWORD)
    assert sign_in(client, "customer") == "200"
    User.objects.create_superuser("staff", password=PASSWORD)
    assert check_no_demo_staff(None, databases=["default"]) == []
    settings.SANDBOX_URL = ""
    assert sign_in(client, "staff") == "200"
    (found,) = check_no_demo_staff(None, databases=["default"])
    assert isinstance(found, Error)
    assert "staff" in found.msg
    for gone in ("signup/", "password/reset/", "email/", "confirm-email/", "inactive/"):
        assert client.get(f"/accounts/{gone}").status_code == 404


def test_guessing_ends_for_an_address_for_a_name_and_for_a_person(
    ana: User, settings: Settings
) -> None:
    give_app(ana)
    cache.clear()
    settings.RATE_LIMIT_LOGIN = "2/m"

    def status(address: str, path: str, sent: dict[str, str], client: Client) -> int:
        answer = client.post(path, sent, REMOTE_ADDR=address)
        if answer.status_code == 429:
            assert int(answer["Retry-After"]) > 0
        return int(answer.status_code)

    tries = [
        status("203.0.113.1", LOGIN, {"login": "ana", "password": "x"}, Client()) for _ in range(3)
    ]
    assert tries == [200, 200, 429]
    # A name is counted over all addresses: three times what one of them may.
    spread = [
        status(f"203.0.113.{n}", LOGIN, {"login": "ANA ", "password": "x"}, Client())
        for n in range(2, 8)
    ]
    assert spread == [200, 200, 200, 200, 429, 429]
    # So is a person's second step, over all sessions.
    settings.RATE_LIMIT_LOGIN, settings.RATE_LIMIT_CODE = "off", "3/h"
    guesses = []
    for n in range(5):
        guesser = Client()
        sign_in(guesser)
        guesses.append(status(f"203.0.113.{n}", CODE, {"code": "000000"}, guesser))
    assert guesses == [200, 200, 200, 429, 429]
    right = Client()
    sign_in(right)
    assert status("203.0.113.9", CODE, {"code": code_now(secret=SECRET)}, right) == 429
    assert right.get(DESK).status_code == 302


def test_one_signs_out_everywhere_else(client: Client, ana: User) -> None:
    give_app(ana)
    here = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
    there = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1"
    phone, stranger = Client(HTTP_USER_AGENT=there, REMOTE_ADDR="203.0.113.77"), Client()
    phone.post(LOGIN, {"login": "ana", "password": PASSWORD})
    assert phone.post(CODE, {"code": code_now(secret=SECRET)})["Location"] == DESK
    open_desk(stranger, User.objects.create_superuser("ben"))
    page = "/admin/sessions/"
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        client.defaults["HTTP_USER_AGENT"] = here
        client.post(LOGIN, {"login": "ana", "password": PASSWORD})
        client.post(CODE, {"code": code_now(secret=SECRET)})
        shown = client.get(page).content.decode()
        assert shown.index("Firefox on Linux") < shown.index("this one")
        assert (
            shown.index("this one") < shown.index("Safari on iPhone") < shown.index("203.0.113.77")
        )
        assert "ben" not in shown
        for words in ("signed out of 1 other browser", "signed in nowhere else"):
            assert words in client.post(page, follow=True).content.decode()
    assert phone.get(page).status_code == 302
    assert client.get(page).status_code == 200
    assert stranger.get(page).status_code == 200
    entry = LogEntry.objects.get_for_object(ana).latest("id")
    assert (entry.changes, entry.actor) == ({"sessions": ["2", "1"]}, ana)

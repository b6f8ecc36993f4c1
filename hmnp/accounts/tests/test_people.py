"""The owner makes accounts, gives roles and resets a lost second step; all of it is on record."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from hmnp.accounts.tests.desk_door import a_staff_user, give_app, open_desk

pytestmark = pytest.mark.django_db

LEADS = ("auth.view_user", "auth.add_user", "auth.change_user")


@pytest.fixture
def owner(client: Client) -> User:
    """The owner, at the desk."""
    person = a_staff_user("ana", *LEADS)
    open_desk(client, person)
    return person


def test_a_new_account_is_staff_with_a_role_and_no_more(client: Client, owner: User) -> None:
    role = Group.objects.create(name="dispatcher")
    form = {"username": "ben", "password1": "a-first-one-9", "password2": "a-first-one-9"}
    sent = {**form, "usable_password": "true", "groups": [role.pk], "is_superuser": "on"}
    for name in ("demo-owner-not", "staff", "Demo-Notary"):
        answer = client.post(reverse("admin:auth_user_add"), {**sent, "username": name})
        assert answer.status_code == (302 if name == "demo-owner-not" else 200)
    assert client.post(reverse("admin:auth_user_add"), sent).status_code == 302
    twice = client.post(reverse("admin:auth_user_add"), {**sent, "username": "BEN"})
    assert "already exists" in twice.content.decode()
    ben = User.objects.get(username="ben")
    assert (ben.is_staff, ben.is_superuser, list(ben.groups.all())) == (True, False, [role])
    assert not User.objects.filter(username__in=["staff", "Demo-Notary"]).exists()


def test_the_owner_resets_a_lost_second_step_and_it_is_on_record(
    client: Client, owner: User
) -> None:
    ben = a_staff_user("ben", "auth.view_user")
    theirs = Client()
    open_desk(theirs, ben)
    address = reverse("admin:auth_user_second_step", args=[ben.pk])
    assert theirs.post(address).status_code == 403
    assert "authenticator app" in client.get(address).content.decode()
    assert Authenticator.objects.filter(user=ben).exists()
    assert client.post(address).status_code == 302
    assert not Authenticator.objects.filter(user=ben).exists()
    # Whoever was signed in with it is out, and is led to set up a new one.
    assert theirs.get("/admin/", follow=True).request["PATH_INFO"] == "/accounts/2fa/"
    entry = LogEntry.objects.get_for_object(ben).get(changes__has_key="second_factor")
    assert (entry.actor, entry.changes) == (owner, {"second_factor": ["set up", "reset"]})
    assert client.post(address).status_code == 302
    assert (
        LogEntry.objects.get_for_object(ben).filter(changes__has_key="second_factor").count() == 1
    )


def test_a_superuser_is_changed_by_superusers_only(client: Client, owner: User) -> None:
    root = User.objects.create_superuser("root", password="x")
    give_app(root)
    before = root.password
    for name in ("change", "password_change", "second_step"):
        address = reverse(f"admin:auth_user_{name}", args=[root.pk])
        sent = {"password1": "taken-over-9", "password2": "taken-over-9", "username": "root"}
        assert client.post(address, sent).status_code == 403
    root.refresh_from_db()
    assert root.password == before
    assert Authenticator.objects.filter(user=root).exists()
    assert client.post(reverse("admin:auth_user_delete", args=[root.pk])).status_code == 403

"""A test's way through the staff door, without typing a password and a code each time."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows import login as allauth_login
from allauth.account.internal.userkit import user_id_to_str
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import encrypt
from django.contrib.auth.models import AbstractBaseUser, Permission, User
from django.test import Client
from django.utils import timezone

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def open_desk(client: Client, user: AbstractBaseUser) -> None:
    """Leave the client's session as a real two-step sign-in of this staff member leaves it."""
    client.force_login(user)  # type: ignore[arg-type]  # any user model of the project
    session = client.session
    session.update(proof(user))
    session.save()


def proof(user: AbstractBaseUser) -> dict[str, Any]:
    """Give what a session says once its user has shown a second factor."""
    factor = give_app(user)
    now = timezone.now().timestamp()
    return {
        allauth_login.AUTHENTICATION_METHODS_SESSION_KEY: [
            {"method": "password", "at": now, "username": user.get_username()},
            {"method": "mfa", "at": now, "id": factor.pk, "type": factor.type},
        ],
        allauth_login._AUTHENTICATION_METHODS_USER_SESSION_KEY: user_id_to_str(user),
    }


def give_app(user: AbstractBaseUser, *, secret: str = SECRET) -> Authenticator:
    """Give the user an authenticator app, unless there is one."""
    factor, _ = Authenticator.objects.get_or_create(
        user=user, type=Authenticator.Type.TOTP, defaults={"data": {"secret": encrypt(secret)}}
    )
    return factor


def a_staff_user(username: str, *permissions: str) -> User:
    """Make or give a member of staff with these permissions (`app.codename`) and no others."""
    user, _ = User.objects.get_or_create(username=username, defaults={"is_staff": True})
    for name in permissions:
        app, _, codename = name.partition(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    return user

"""The demo staff's second factor: one secret, made once for each development database."""

from __future__ import annotations

from collections.abc import Sequence

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import generate_totp_secret
from allauth.mfa.utils import decrypt, encrypt
from django.contrib.auth.models import AbstractBaseUser

from hmnp.core.sealed import Unreadable


def give_demo_factor(*, users: Sequence[AbstractBaseUser]) -> tuple[str, str]:
    """Give all of them the same authenticator secret; a secret that is there stays.

    Gives the secret, and an unused recovery code of the first. Only for the sandbox.
    """
    secret = _kept(users) or generate_totp_secret()
    for user in users:
        Authenticator.objects.update_or_create(
            user=user,
            type=Authenticator.Type.TOTP,
            defaults={"data": {**_data(user), "secret": encrypt(secret)}},
        )
    return secret, _recovery_code(users[0])


def _kept(users: Sequence[AbstractBaseUser]) -> str | None:
    for user in users:
        try:
            if data := _data(user):
                return str(decrypt(data["secret"]))
        except Unreadable:
            continue
    return None


def _data(user: AbstractBaseUser) -> dict[str, str]:
    found = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
    return found.data if found else {}


def _recovery_code(user: AbstractBaseUser) -> str:
    kept = RecoveryCodes.activate(user)
    try:
        unused = kept.get_unused_codes()
    except Unreadable:
        unused = []
    if not unused:
        kept.instance.delete()
        unused = RecoveryCodes.activate(user).get_unused_codes()
    return str(unused[0])

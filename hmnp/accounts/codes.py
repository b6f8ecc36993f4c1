"""Codes of the authenticator app and recovery codes: each is good for one use."""

from __future__ import annotations

import logging

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.mfa.utils import decrypt, encrypt
from django.db import transaction

from hmnp.core.sealed import Unreadable, is_stale

logger = logging.getLogger(__name__)

# Where the last used step of the clock is kept: in the row, since a cache may forget.
_LAST = "last_counter"
# What of a factor is sealed, by its name in the row.
_SEALED = ("secret", "seed")


def use_code(*, user_id: int, code: str) -> Authenticator | None:
    """Use up a code and give what it was of; None when it is wrong, too old or used before."""
    with transaction.atomic():
        known = Authenticator.objects.select_for_update().filter(user_id=user_id).order_by("pk")
        by_type = {authenticator.type: authenticator for authenticator in known}
        for kind, use in _WAYS:
            authenticator = by_type.get(kind)
            try:
                if authenticator is not None and use(authenticator, code):
                    return authenticator
            except Unreadable:
                logger.error("a second factor cannot be read: its key was taken from TOKEN_KEYS")
    return None


def reseal_factors() -> int:
    """Seal every second factor under the current server key; give how many were not.

    To be done after a new key was put first in `TOKEN_KEYS` and before the old one is taken out.
    Raises `Unreadable` where the old one is gone already.
    """
    changed = 0
    for pk in Authenticator.objects.values_list("pk", flat=True):
        with transaction.atomic():
            authenticator = Authenticator.objects.select_for_update().get(pk=pk)
            data = authenticator.data
            stale = [name for name in _SEALED if is_stale(data.get(name, ""))]
            for name in stale:
                data[name] = encrypt(decrypt(data[name]))
            if stale:
                authenticator.save(update_fields=["data"])
                changed += 1
    return changed


def totp_code(*, secret: str, counter: int) -> str:
    """Give a secret's code at a step of the clock."""
    return str(format_hotp_value(hotp_value(secret, counter)))


def code_now(*, secret: str) -> str:
    """Give the code that an authenticator app shows now."""
    steps = list(yield_hotp_counters_from_time())
    return totp_code(secret=secret, counter=steps[len(steps) // 2])


def _use_recovery(recovery: Authenticator, code: str) -> bool:
    return bool(recovery.wrap().validate_code(code))


def _use_totp(totp: Authenticator, code: str) -> bool:
    secret = decrypt(totp.data["secret"])
    for counter in yield_hotp_counters_from_time():
        if not compare_user_code(actual=code, expected=totp_code(secret=secret, counter=counter)):
            continue
        # An earlier step than the last one used is a replay as well.
        if counter <= totp.data.get(_LAST, -1):
            return False
        totp.data[_LAST] = counter
        totp.save(update_fields=["data"])
        return True
    return False


_WAYS = (
    (Authenticator.Type.TOTP, _use_totp),
    (Authenticator.Type.RECOVERY_CODES, _use_recovery),
)

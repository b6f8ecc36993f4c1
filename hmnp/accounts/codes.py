"""Codes of the authenticator app and recovery codes: each is good for one use."""

from __future__ import annotations

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.mfa.utils import decrypt
from django.db import transaction

# Where the last used step of the clock is kept: in the row, since a cache may forget.
_LAST = "last_counter"


def use_code(*, user_id: int, code: str) -> Authenticator | None:
    """Use up a code and give what it was of; None when it is wrong, too old or used before."""
    with transaction.atomic():
        known = Authenticator.objects.select_for_update().filter(user_id=user_id).order_by("pk")
        by_type = {authenticator.type: authenticator for authenticator in known}
        totp = by_type.get(Authenticator.Type.TOTP)
        if totp is not None and _use_totp(totp, code):
            return totp
        recovery = by_type.get(Authenticator.Type.RECOVERY_CODES)
        if recovery is not None and recovery.wrap().validate_code(code):
            return recovery
    return None


def totp_code(*, secret: str, counter: int) -> str:
    """Give a secret's code at a step of the clock."""
    return format_hotp_value(hotp_value(secret, counter))


def code_now(*, secret: str) -> str:
    """Give the code that an authenticator app shows now."""
    steps = list(yield_hotp_counters_from_time())
    return totp_code(secret=secret, counter=steps[len(steps) // 2])


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

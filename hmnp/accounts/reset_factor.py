"""A colleague has lost phone and recovery codes: take the second factors away, and say so."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.db import transaction

from hmnp.accounts.audit import record_change


def reset_factor(*, user: User) -> int:
    """Take all second factors of a user away and give how many there were.

    Sessions that were opened with one of them open nothing any more; the next sign-in leads to
    setting up a new one. Both what was taken and from whom is in the audit log.
    """
    with transaction.atomic():
        known = list(Authenticator.objects.select_for_update().filter(user=user))
        for authenticator in known:
            authenticator.delete()
        if known:
            record_change(instance=user, changes={"second_factor": ("set up", "reset")})
    return len(known)

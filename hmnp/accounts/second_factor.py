"""Was this very session opened with a second factor? Nothing of the desk answers any other."""

from __future__ import annotations

from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest
from django.utils import timezone

# What a person has; recovery codes only stand in for these.
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def is_proven(request: HttpRequest) -> bool:
    """Tell whether the session's user showed, in it, a second factor that still is theirs.

    Eight hours after its first step (`SESSION_COOKIE_AGE`) a session proves nothing any more,
    however much it was used. That the user has a factor is not enough.
    """
    user = request.user
    if not user.is_authenticated:
        return False
    # A page asks more than once.
    known: bool | None = getattr(request, "_is_proven", None)
    if known is None:
        known = request._is_proven = _has_proof(request, user)  # type: ignore[attr-defined]  # ours
    return known


def _has_proof(request: HttpRequest, user: AbstractBaseUser) -> bool:
    records: list[dict[str, Any]] = get_authentication_records(request, user)
    if not records or _age(records) >= settings.SESSION_COOKIE_AGE:
        return False
    shown = [record.get("id") for record in records if record.get("method") == "mfa"]
    return bool(shown) and not _factor_ids(user).isdisjoint(shown)


def _factor_ids(user: AbstractBaseUser) -> set[int]:
    """Give the ids of what the user signs in by; a session's user was read with them."""
    read: list[int] | None = getattr(user, "factor_ids", None)
    if read is None:
        read = list(Authenticator.objects.filter(user_id=user.pk).values_list("pk", flat=True))
    return set(read)


def has_factor(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Tell whether the user has an authenticator app or a passkey."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exists())


def may_enter(request: HttpRequest) -> bool:
    """Tell whether this is a member of staff behind a proven session."""
    user = request.user
    return bool(user.is_active and user.is_staff and is_proven(request))


def _age(records: list[dict[str, Any]]) -> float:
    first: float = min(record["at"] for record in records)
    return timezone.now().timestamp() - first

"""What allauth does for us: it signs staff in. It signs nobody up and sends no mail."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django.utils import timezone

from hmnp.accounts.own_sessions import note_where
from hmnp.core import sealed
from hmnp.core.client_address import client_ip

_SECRET = "second-factor"  # noqa: S105 -- names what is sealed


class StaffAccountAdapter(DefaultAccountAdapter):
    """Sign-in with a name and a password, for accounts that the owner made."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Give the address our own proxies vouch for."""
        return client_ip(request)

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Open the session, and keep with it where that was."""
        super().login(request, user)
        note_where(request)

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """Send none: what happened is in the audit log."""

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Ask again before a factor is changed, unless the sign-in was a moment ago."""
        request = context.request
        records = get_authentication_records(request, request.user)
        youngest = max((record["at"] for record in records), default=0.0)
        age: float = timezone.now().timestamp() - youngest
        return age >= settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


class StaffMfaAdapter(DefaultMFAAdapter):
    """Second factors, their secrets encrypted at rest."""

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        """Name the account as one signs in to it."""
        return user.get_username()

    def encrypt(self, text: str) -> str:
        """Seal a secret."""
        return sealed.seal(text, purpose=_SECRET)

    def decrypt(self, encrypted_text: str) -> str:
        """Open what was sealed. Raises `sealed.Unreadable`."""
        return sealed.unseal(encrypted_text, purpose=_SECRET)

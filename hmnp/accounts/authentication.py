"""The three ways to prove who is asking; wrong credentials are refused, missing ones passed by."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from hmnp.accounts.models import PartnerApiKey
from hmnp.accounts.principals import Kind, Principal, user_agent
from hmnp.accounts.second_factor import may_enter
from hmnp.core import tokens
from hmnp.core.client_address import client_ip

# Everything at the API is open to whoever has it: the desk's dispatchers and the owner.
USE_API = "accounts.use_api"

Authenticated = tuple[AbstractBaseUser | None, Principal]


def _credentials(request: Request, *, scheme: str) -> str | None:
    sent, _, credentials = request.headers.get("Authorization", "").partition(" ")
    return credentials.strip() if sent.lower() == scheme else None


class BookingTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <accessToken>`: the customer of one booking.

    The signature is checked here; whether the token was revoked or has ended is judged where the
    booking is read.
    """

    def authenticate(self, request: Request) -> Authenticated | None:
        """Give the customer, or None without a Bearer header."""
        text = _credentials(request, scheme="bearer")
        if text is None:
            return None
        token = tokens.read(text, purpose=tokens.ACCESS)
        if token is None:
            raise AuthenticationFailed
        return None, Principal(
            kind=Kind.CUSTOMER,
            ip=client_ip(request._request),
            user_agent=user_agent(request._request),
            token=token,
        )

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that a refusal is 401."""
        return "Bearer"


class PartnerKeyAuthentication(BaseAuthentication):
    """`Authorization: Api-Key <prefix>.<secret>`: a partner with the key's scopes."""

    def authenticate(self, request: Request) -> Authenticated | None:
        """Give the partner, or None without an Api-Key header."""
        text = _credentials(request, scheme="api-key")
        if text is None:
            return None
        # The database cannot even compare a NUL.
        if "\0" in text:
            raise AuthenticationFailed
        try:
            key = PartnerApiKey.objects.get_from_key(text)
        except (PartnerApiKey.DoesNotExist, ValueError):
            raise AuthenticationFailed from None
        assert isinstance(key, PartnerApiKey)  # noqa: S101  # the manager's type is its base
        if key.has_expired or not key.partner.is_active:
            raise AuthenticationFailed
        ip = client_ip(request._request)
        if not key.is_open_to(ip=ip):
            raise AuthenticationFailed
        return None, Principal(
            kind=Kind.PARTNER,
            ip=ip,
            user_agent=user_agent(request._request),
            partner=key.partner,
            scopes=frozenset(key.scopes),
        )

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that a refusal is 401."""
        return "Api-Key"


class StaffSessionAuthentication(SessionAuthentication):
    """The session of a staff member who showed a second factor in it, with CSRF."""

    def authenticate(self, request: Request) -> Any:
        """Give the staff member, or None."""
        user = getattr(request._request, "user", None)
        if not user or not may_enter(request._request) or not user.has_perm(USE_API):
            return None
        self.enforce_csrf(request)
        return user, Principal(
            kind=Kind.STAFF,
            ip=client_ip(request._request),
            user_agent=user_agent(request._request),
            user=user,
        )


class BookingTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped there
    target_class = "hmnp.accounts.authentication.BookingTokenAuthentication"
    name = "bookingToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the scheme in OpenAPI."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "The `accessToken` returned by `POST /bookings`.",
        }


class PartnerKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped there
    target_class = "hmnp.accounts.authentication.PartnerKeyAuthentication"
    name = "partnerKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the scheme in OpenAPI."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Api-Key <prefix>.<secret>`",
        }


class StaffSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped there
    target_class = "hmnp.accounts.authentication.StaffSessionAuthentication"
    name = "staffSession"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the scheme in OpenAPI."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}

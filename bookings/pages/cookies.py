"""What a customer's browser carries: the hold, the way back to the booking, what was typed.

Each is signed, out of a script's reach, and sent only to the pages that need it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from bookings.links import manage_path
from bookings.models import Booking
from hmnp.accounts.principals import Kind, Principal, user_agent
from hmnp.core import tokens
from hmnp.core.client_address import client_ip
from hmnp.core.tokens import Token

_BOOK_PATH = "/book/"
_HOLD, _ACCESS, _MANAGE, _DRAFT = "hmnp_hold", "hmnp_booking", "hmnp_manage", "hmnp_draft"
_A_WHILE = timedelta(hours=2)
_MANAGE_FOR = timedelta(days=1)
# Browsers drop a cookie of over 4096 bytes, name and attributes included.
_DRAFT_LIMIT = 3500


def keep_hold_token(response: HttpResponse, *, text: str) -> None:
    """Let the browser carry a hold, by its token."""
    _set(response, _HOLD, text, path=_BOOK_PATH, for_=_A_WHILE)


def hold_token(request: HttpRequest) -> Token | None:
    """Give the token of the hold the browser carries."""
    return _token(request, _HOLD, tokens.HOLD)


def keep_access(response: HttpResponse, *, text: str) -> None:
    """Let the browser carry the way to a new booking, for the pages under /book/."""
    _set(response, _ACCESS, text, path=_BOOK_PATH, for_=_A_WHILE)


def access_token(request: HttpRequest) -> Token | None:
    """Give the token of the booking made in this browser."""
    return _token(request, _ACCESS, tokens.ACCESS)


def keep_manage(response: HttpResponse, *, booking: Booking) -> None:
    """Let the browser carry the way to one booking's manage page, for that path only."""
    token = tokens.derive(
        purpose=tokens.MANAGE, subject_id=booking.pk, generation=booking.access_generation
    )
    path = manage_path(booking=booking)
    _set(response, _MANAGE, token.text, path=path, for_=_MANAGE_FOR)


def manage_token(request: HttpRequest, *, booking_id: UUID) -> Token | None:
    """Give the token for this booking's manage page."""
    token = _token(request, _MANAGE, tokens.MANAGE)
    return token if token and token.subject_id == booking_id else None


def keep_draft(response: HttpResponse, *, typed: dict[str, str]) -> None:
    """Let the browser keep what was typed while the customer changes the time.

    With the browser rather than in a session, so that no personal data is stored before there is
    a booking.
    """
    value = signing.dumps(typed, salt=_DRAFT, compress=True)
    if len(value) <= _DRAFT_LIMIT:
        _set(response, _DRAFT, value, path=_BOOK_PATH, for_=_A_WHILE)


def draft(request: HttpRequest) -> dict[str, Any]:
    """Give what was typed before, or nothing."""
    value = _read(request, _DRAFT)
    try:
        typed = signing.loads(value, salt=_DRAFT) if value else {}
    except signing.BadSignature:
        return {}
    return typed if isinstance(typed, dict) else {}


def forget_draft(response: HttpResponse) -> None:
    """Drop what was typed: it is in the booking now."""
    response.delete_cookie(_DRAFT, path=_BOOK_PATH, samesite="Lax")


def customer(request: HttpRequest, *, token: Token) -> Principal:
    """Give the customer that a token from a cookie stands for."""
    return Principal(
        kind=Kind.CUSTOMER, ip=client_ip(request), user_agent=user_agent(request), token=token
    )


def _set(response: HttpResponse, name: str, value: str, *, path: str, for_: timedelta) -> None:
    response.set_signed_cookie(
        name,
        value,
        salt=name,
        max_age=int(for_.total_seconds()),
        path=path,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _read(request: HttpRequest, name: str) -> str:
    value = request.get_signed_cookie(name, default="", salt=name, max_age=None)
    return value if isinstance(value, str) else ""


def _token(request: HttpRequest, name: str, purpose: str) -> Token | None:
    return tokens.read(_read(request, name), purpose=purpose)

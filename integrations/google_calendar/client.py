"""Google's Calendar API for a service account: signs in, asks, and says what went wrong."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from django.conf import settings
from google.auth import jwt
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import service_account

from integrations import http
from integrations.errors import ConnectorError
from integrations.states import Destination

SCOPE = "https://www.googleapis.com/auth/calendar.events"
# Google signs its own name into what it expects, wherever the token is really fetched.
_AUDIENCE = "https://oauth2.googleapis.com/token"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME_SECONDS = 3600
_EARLY_SECONDS = 120
# An answer has a size limit of ours.
_PAGE = 250

# Tests ask a stand-in that hangs on purpose.
TIMEOUT: httpx.Timeout = http.TIMEOUT


@dataclass(frozen=True)
class _Token:
    text: str
    ends_at: float


_tokens: dict[str, _Token] = {}


def call(
    method: str,
    path: str,
    *,
    json: Any = None,
    params: Mapping[str, Any] | None = None,
    absent: Collection[int] = (),
) -> dict[str, Any] | None:
    """Make one call and give its JSON, or None for a status in `absent`. Raises `ConnectorError`.

    A token that Google no longer takes is fetched anew once.
    """
    try:
        return _call(method, path, json=json, params=params, absent=absent)
    except ConnectorError as error:
        if not error.are_credentials_refused or not _tokens:
            raise
    _tokens.clear()
    return _call(method, path, json=json, params=params, absent=absent)


def _call(method: str, path: str, **extra: Any) -> dict[str, Any] | None:
    api = http.Api(
        destination=Destination.GOOGLE_CALENDAR,
        base_url=settings.GOOGLE_CALENDAR_API_BASE,
        headers={"Authorization": f"Bearer {_token()}"},
        timeout=TIMEOUT,
    )
    try:
        return api.call(method, path, ok=(200, 204), **extra)
    except ConnectorError as error:
        # Google says 403 for a quota, too; that one passes.
        if error.status == 403 and "limit" in error.reason.lower():
            raise ConnectorError(error.reason, status=403) from None
        raise


def _token() -> str:
    path = settings.GOOGLE_SERVICE_ACCOUNT_FILE
    known = _tokens.get(path)
    if known is None or known.ends_at < time.monotonic():
        known = _tokens[path] = _fetch(path)
    return known.text


def _fetch(path: str) -> _Token:
    account = _account(path)
    now = int(time.time())
    claims = {
        "iss": account.service_account_email,
        "scope": SCOPE,
        "aud": _AUDIENCE,
        "iat": now,
        "exp": now + _LIFETIME_SECONDS,
    }
    api = http.Api(
        destination=Destination.GOOGLE_CALENDAR,
        base_url=str(account._token_uri),  # noqa: SLF001 -- the library shows it nowhere else
        timeout=TIMEOUT,
    )
    assertion = jwt.encode(account.signer, claims)  # type: ignore[no-untyped-call]  # theirs
    form = {"grant_type": _GRANT, "assertion": assertion.decode()}
    try:
        answer = api.call("POST", "", form=form) or {}
    except ConnectorError as error:
        raise ConnectorError(
            f"gave no token: it {error.reason}",
            # Nothing was asked of a calendar yet.
            is_outcome_unknown=False,
            retry_after=error.retry_after,
            are_credentials_refused=error.status is not None or error.are_credentials_refused,
        ) from None
    text, seconds = answer.get("access_token"), answer.get("expires_in", 0)
    if not isinstance(text, str) or not isinstance(seconds, int):
        raise ConnectorError("gave no token: its answer has none")
    return _Token(text=text, ends_at=time.monotonic() + seconds - _EARLY_SECONDS)


def _account(path: str) -> service_account.Credentials:
    try:
        return _read_account(path, Path(path).stat().st_mtime_ns)
    except (OSError, ValueError, GoogleAuthError):
        raise ConnectorError(
            "cannot be asked: GOOGLE_SERVICE_ACCOUNT_FILE names no readable key",
            are_credentials_refused=True,
        ) from None


@cache
def _read_account(path: str, _changed: int) -> service_account.Credentials:
    account: service_account.Credentials
    account = service_account.Credentials.from_service_account_file(path)  # type: ignore[no-untyped-call]  # theirs
    return account


def events_path(*, calendar: str, event: str = "") -> str:
    """Give the path of a calendar's events, or of one."""
    path = f"/calendars/{quote(calendar, safe='')}/events"
    return f"{path}/{quote(event, safe='')}" if event else path


def pages(*, calendar: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give every page of a list; none at all when its sync token is too old."""
    asked: dict[str, Any] = {**params, "singleEvents": "true", "maxResults": _PAGE}
    while True:
        page = call("GET", events_path(calendar=calendar), params=asked, absent=(410,))
        if page is None:
            return
        yield page
        if not page.get("nextPageToken"):
            return
        asked["pageToken"] = page["nextPageToken"]

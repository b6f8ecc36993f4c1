"""Where a member of staff is signed in, and how to end it everywhere else.

Only staff have sessions here, each for eight hours at the most, so reading them all is reading few.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from hmnp.accounts.audit import record_change
from hmnp.accounts.principals import user_agent
from hmnp.core import transactions
from hmnp.core.client_address import client_ip

_FROM = "signed_in_from"
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "Chromebook"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True)
class OwnSession:
    """One browser somebody is signed in with; `is_whole` once the second step was shown in it."""

    key: str
    signed_in_at: datetime | None
    ends_at: datetime
    ip: str
    browser: str
    is_whole: bool
    is_this: bool


def note_where(request: HttpRequest) -> None:
    """Keep with a new session where it was opened: address and browser, as they say themselves."""
    request.session[_FROM] = {"ip": client_ip(request), "agent": user_agent(request)}


def sessions_of(*, user: AbstractBaseUser, this: str, now: datetime) -> list[OwnSession]:
    """Give the user's live sessions, the one with the key `this` first, then the youngest."""
    found = [
        _read(row, data, is_this=row.session_key == this)
        for row in Session.objects.filter(expire_date__gt=now).order_by("-expire_date")
        if _is_of(data := row.get_decoded(), user)
    ]
    return sorted(found, key=lambda one: not one.is_this)


def end_others(*, user: AbstractBaseUser, this: str, now: datetime) -> int:
    """End every session of the user but `this`, and give how many those were."""

    def work() -> int:
        others = [one.key for one in sessions_of(user=user, this=this, now=now) if not one.is_this]
        ended, _ = Session.objects.filter(session_key__in=others).delete()
        if ended:
            record_change(instance=user, changes={"sessions": (ended + 1, 1)})
        return ended

    return transactions.run(work)


def _is_of(data: dict[str, Any], user: AbstractBaseUser) -> bool:
    """Tell whether a session is the user's, and not of a password they had before."""
    return data.get(SESSION_KEY) == str(user.pk) and constant_time_compare(
        data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()
    )


def _read(row: Session, data: dict[str, Any], *, is_this: bool) -> OwnSession:
    records: list[dict[str, Any]] = data.get(AUTHENTICATION_METHODS_SESSION_KEY, [])
    first = min((record["at"] for record in records), default=None)
    came = data.get(_FROM, {})
    signed_in_at = datetime.fromtimestamp(first, UTC) if first is not None else None
    longest = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    return OwnSession(
        key=row.session_key,
        signed_in_at=signed_in_at,
        # A row that is saved anew would seem to last longer.
        ends_at=min(row.expire_date, signed_in_at + longest) if signed_in_at else row.expire_date,
        ip=came.get("ip") or "",
        browser=in_words(came.get("agent") or ""),
        is_whole=any(record.get("method") == "mfa" for record in records),
        is_this=is_this,
    )


def in_words(agent: str) -> str:
    """Give `Firefox on Windows` for what a browser says of itself."""
    browser = next((name for sign, name in _BROWSERS if sign in agent), "")
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    return " on ".join(filter(None, (browser or "A browser", system)))

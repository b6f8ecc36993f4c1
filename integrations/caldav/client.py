"""CalDAV (RFC 4791) over HTTP: the handful of requests that one calendar needs.

The usual library is not used: what it is built on replaces `urllib3` in the whole environment,
below the payments' HTTP client.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from urllib.parse import quote, unquote, urlsplit
from xml.etree.ElementTree import Element, ParseError

import httpx
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from bookings.models import CalendarKind, Notary
from hmnp.core.sealed import Unreadable
from integrations import http, public_http
from integrations.errors import ConnectorError

_DAV = "{DAV:}"
_CALDAV = "{urn:ietf:params:xml:ns:caldav}"
_CTAG = "{http://calendarserver.org/ns/}getctag"
_LARGEST_ANSWER = 8 * 1024 * 1024
_XML = {"Content-Type": "application/xml; charset=utf-8"}
_SAFE_METHODS = ("GET", "PROPFIND", "REPORT")

_STATE = """<?xml version="1.0" encoding="utf-8"?>
<D:propfind xmlns:D="DAV:" xmlns:S="http://calendarserver.org/ns/"
 xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop>
<D:sync-token/><S:getctag/><C:calendar-timezone/></D:prop></D:propfind>"""
_WINDOW = """<?xml version="1.0" encoding="utf-8"?>
<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
<D:prop><D:getetag/><C:calendar-data/></D:prop>
<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">
<C:time-range start="{start}" end="{end}"/>
</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"""

# Tests ask a stand-in that hangs on purpose.
TIMEOUT: httpx.Timeout = http.TIMEOUT


@cache
def _client(_process: int) -> httpx.Client:
    """Give this process's client: a forked worker must not share its parent's connections."""
    return public_http.new_client()


@dataclass(frozen=True)
class CollectionState:
    """What tells whether a calendar has changed, and the zone it is kept in, as iCalendar."""

    tag: str
    timezone: str


@dataclass(frozen=True)
class Resource:
    """One calendar object: `name` is the last part of its address."""

    name: str
    data: str


@dataclass(frozen=True)
class DavCalendar:
    """One notary's calendar on a CalDAV server. `url` ends with a slash."""

    url: str
    user: str
    password: str

    def put(self, *, name: str, data: bytes) -> None:
        """Write an object, whatever was there before."""
        headers = {"Content-Type": "text/calendar; charset=utf-8"}
        self._call("PUT", quote(name), data, headers=headers, ok=(200, 201, 204))

    def delete(self, *, name: str) -> None:
        """Delete an object, if it is there."""
        self._call("DELETE", quote(name), ok=(200, 202, 204), absent=(404, 410))

    def state(self) -> CollectionState:
        """Ask for what changes with the calendar."""
        body = self._call(
            "PROPFIND", "", _STATE.encode(), headers={**_XML, "Depth": "0"}, ok=(207,)
        )
        found = _parsed(body)
        tags = [found.findtext(f".//{name}") or "" for name in (f"{_DAV}sync-token", _CTAG)]
        return CollectionState(
            tag="|".join(tags).strip("|"),
            timezone=found.findtext(f".//{_CALDAV}calendar-timezone") or "",
        )

    def window(self, *, starts_at: datetime, ends_at: datetime) -> Iterator[Resource]:
        """Give the objects with an event in the window, the recurring ones unexpanded."""
        query = _WINDOW.format(start=_stamp(starts_at), end=_stamp(ends_at))
        body = self._call("REPORT", "", query.encode(), headers={**_XML, "Depth": "1"}, ok=(207,))
        for response in _parsed(body).iter(f"{_DAV}response"):
            href = response.findtext(f"{_DAV}href") or ""
            data = response.findtext(f".//{_CALDAV}calendar-data")
            if data:
                yield Resource(name=unquote(urlsplit(href).path.rpartition("/")[2]), data=data)

    def _call(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
        ok: Collection[int],
        absent: Collection[int] = (),
    ) -> bytes:
        is_safe = method in _SAFE_METHODS
        try:
            answer, body = http.exchange(
                _client(os.getpid()),
                method,
                self.url + path,
                is_safe=is_safe,
                largest=_LARGEST_ANSWER,
                content=content,
                headers=headers,
                auth=(self.user, self.password),
                timeout=TIMEOUT,
            )
        except httpx.InvalidURL:
            raise ConnectorError("has an address that is none", permanent=True) from None
        except public_http.NotPublic:
            raise ConnectorError("has an address that is not public", permanent=True) from None
        if answer.status_code in ok or answer.status_code in absent:
            return body
        raise _refusal(answer.status_code, is_safe=is_safe)


def _refusal(status: int, *, is_safe: bool) -> ConnectorError:
    """Word a refusal. One notary's wrong password is no reason to leave the others alone."""
    if status in (401, 403):
        return ConnectorError(
            f"answered {status}: the calendar's user and password are refused",
            permanent=True,
            status=status,
        )
    # A conflict is what a collection that is not there answers to a PUT (RFC 4918, 9.7.1).
    if status in (404, 405, 409, 410):
        return ConnectorError(
            f"answered {status}: there is no calendar at this address",
            permanent=True,
            status=status,
        )
    if status < 500 and status not in (408, 412, 423, 425, 429):
        return ConnectorError(f"answered {status}", permanent=True, status=status)
    is_unknown = status >= 500 and not is_safe
    return ConnectorError(f"answered {status}", is_outcome_unknown=is_unknown, status=status)


def _parsed(body: bytes) -> Element:
    try:
        found: Element = fromstring(body)
    except (ParseError, DefusedXmlException, ValueError):
        raise ConnectorError("answered something that is not XML") from None
    return found


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def home_of(*, notary: Notary) -> str | None:
    """Give the address of a notary's CalDAV calendar; None for one who keeps another kind."""
    if notary.calendar_kind != CalendarKind.CALDAV:
        return None
    return notary.calendar_id.rstrip("/") + "/"


def keepers() -> dict[str, list[Notary]]:
    """Give the CalDAV calendars in use, with the active notaries who keep each."""
    found: dict[str, list[Notary]] = {}
    notaries = Notary.objects.filter(is_active=True, calendar_kind=CalendarKind.CALDAV)
    for notary in notaries.order_by("pk"):
        found.setdefault(home_of(notary=notary) or "", []).append(notary)
    return found


def calendar_of(*, notary: Notary) -> DavCalendar:
    """Give a notary's calendar with its password. Raises `ConnectorError`."""
    try:
        password = notary.calendar_password
    except Unreadable:
        raise ConnectorError(
            "cannot be asked: the calendar's password was sealed with a key we no longer have",
            permanent=True,
        ) from None
    return DavCalendar(
        url=home_of(notary=notary) or "", user=notary.calendar_user, password=password
    )

"""The Calendar API, v3: events and free/busy, for who bears a token with the scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.google import times
from sandbox.google.accounts import Account
from sandbox.google.calendars import Calendars
from sandbox.google.errors import Refused
from sandbox.google.listing import Listing
from sandbox.store import Store
from sandbox.wire import Json, MalformedBody, Request, Response, Route, as_json

BASE = "/google/calendar/v3"
LIMIT = "google.limit"
_ROOT = "https://www.googleapis.com/auth/calendar"
_WRITE = frozenset({_ROOT, f"{_ROOT}.events"})
_READ = _WRITE | {f"{_ROOT}.readonly"}
_FREE_BUSY = frozenset({_ROOT, f"{_ROOT}.readonly", f"{_ROOT}.freebusy"})
_EVENTS = f"{BASE}/calendars/{{calendar}}/events"

Work = Callable[[Request, dict[str, str]], Json | None]


class Api:
    """Answer the calls."""

    def __init__(
        self, *, store: Store, account: Account, calendars: Calendars, listing: Listing
    ) -> None:
        """Answer over one ledger."""
        self._store = store
        self._account = account
        self._calendars = calendars
        self._listing = listing
        self.routes: tuple[Route, ...] = (
            self._route("GET", _EVENTS, self._list, scopes=_READ),
            self._route("POST", _EVENTS, self._insert, scopes=_WRITE),
            self._route("GET", f"{_EVENTS}/{{event}}", self._get, scopes=_READ),
            self._route("PATCH", f"{_EVENTS}/{{event}}", self._patch, scopes=_WRITE),
            self._route("DELETE", f"{_EVENTS}/{{event}}", self._delete, scopes=_WRITE),
            self._route("POST", f"{BASE}/freeBusy", self._free_busy, scopes=_FREE_BUSY),
        )

    def _route(self, method: str, pattern: str, work: Work, *, scopes: frozenset[str]) -> Route:
        def answer(request: Request) -> Response:
            try:
                self._account.check(request, scopes=scopes)
                self._fail_as_told(request)
                request.begin()
                with self._store.transaction():
                    found = work(request, request.query_values())
                if request.fail_with == "error_500_after_commit":
                    raise Refused(500, "backendError", "Backend Error")
            except Refused as refused:
                return refused.answer
            if found is None:
                return Response(status=204)
            return as_json(found, headers={"ETag": found["etag"]} if "etag" in found else None)

        return Route(method=method, pattern=pattern, handler=answer, is_api=True)

    def _fail_as_told(self, request: Request) -> None:
        if request.fail_with == "error_429":
            raise Refused(429, "rateLimitExceeded", "Rate Limit Exceeded", domain="usageLimits")
        if request.fail_with == "error_500":
            raise Refused(500, "backendError", "Backend Error")
        if left := int(self._store.knob(LIMIT, 0)):
            self._store.set_knob(LIMIT, left - 1)
            raise Refused(403, "rateLimitExceeded", "Rate Limit Exceeded", domain="usageLimits")

    def _list(self, request: Request, query: dict[str, str]) -> Json:
        return self._listing.page(request.refs["calendar"], query)

    def _get(self, request: Request, query: dict[str, str]) -> Json:
        _check_query(query, known=())
        self._calendars.require(request.refs["calendar"])
        return self._calendars.get(request.refs["calendar"], request.refs["event"])

    def _insert(self, request: Request, query: dict[str, str]) -> Json:
        _check_updates(query)
        self._calendars.require(request.refs["calendar"], to_write=True)
        return self._calendars.insert(request.refs["calendar"], _body(request))

    def _patch(self, request: Request, query: dict[str, str]) -> Json:
        _check_updates(query)
        self._calendars.require(request.refs["calendar"], to_write=True)
        return self._calendars.patch(
            request.refs["calendar"],
            request.refs["event"],
            _body(request),
            etag=request.header("if-match"),
        )

    def _delete(self, request: Request, query: dict[str, str]) -> None:
        _check_updates(query)
        self._calendars.require(request.refs["calendar"], to_write=True)
        self._calendars.delete(
            request.refs["calendar"], request.refs["event"], etag=request.header("if-match")
        )

    def _free_busy(self, request: Request, query: dict[str, str]) -> Json:
        _check_query(query, known=())
        body = _body(request)
        if unknown := set(body) - {"timeMin", "timeMax", "timeZone", "items"}:
            raise Refused(400, "invalid", f'Unknown name "{min(unknown)}"')
        first = times.instant(str(body.get("timeMin", "")), name="timeMin")
        last = times.instant(str(body.get("timeMax", "")), name="timeMax")
        answer: Json = {
            "kind": "calendar#freeBusy",
            "timeMin": first.isoformat(),
            "timeMax": last.isoformat(),
            "calendars": {},
        }
        for item in body.get("items") or []:
            answer["calendars"][item["id"]] = self._busy(item["id"], first, last)
        return answer

    def _busy(self, calendar: str, first: Any, last: Any) -> Json:
        try:
            zone = self._calendars.require(calendar)["timeZone"]
        except Refused:
            return {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []}
        spans = sorted(
            times.span(one, calendar_zone=zone)
            for doc in self._calendars.docs(calendar)
            if doc["event"]["status"] != "cancelled"
            and doc["event"].get("transparency") != "transparent"
            for one in times.instances(doc["event"], calendar_zone=zone)
        )
        merged: list[list[Any]] = []
        for begins, ends in spans:
            if ends <= first or begins >= last:
                continue
            if merged and begins <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], ends)
            else:
                merged.append([begins, ends])
        return {"busy": [{"start": a.isoformat(), "end": b.isoformat()} for a, b in merged]}


def _body(request: Request) -> Json:
    if request.header("content-type").partition(";")[0].strip() != "application/json":
        raise Refused(400, "parseError", "This API does not support parsing form-encoded input.")
    try:
        body = request.json()
    except MalformedBody as error:
        raise Refused(400, "parseError", "Parse Error") from error
    if not isinstance(body, dict):
        raise Refused(400, "parseError", "Parse Error")
    return body


def _check_query(query: dict[str, str], *, known: tuple[str, ...]) -> None:
    if unknown := set(query) - set(known):
        raise Refused(400, "invalidParameter", f"Invalid parameter: {min(unknown)}")


def _check_updates(query: dict[str, str]) -> None:
    _check_query(query, known=("sendUpdates",))
    if query.get("sendUpdates", "none") not in ("all", "externalOnly", "none"):
        raise Refused(400, "invalidParameter", "Invalid value for: sendUpdates")

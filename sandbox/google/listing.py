"""Lists of events: by window, and by sync token what has changed since."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from datetime import datetime

from sandbox.google import times
from sandbox.google.calendars import Calendars
from sandbox.google.errors import Refused, invalid
from sandbox.store import Store
from sandbox.wire import Json

_KNOWN = frozenset(
    {
        "maxResults", "orderBy", "pageToken", "q", "showDeleted", "singleEvents", "syncToken",
        "timeMax", "timeMin", "timeZone", "updatedMin", "iCalUID", "fields",
    }
)  # fmt: skip
_NOT_WITH_TOKEN = ("iCalUID", "orderBy", "q", "timeMin", "timeMax", "updatedMin")
_NOT_PLAYED = ("orderBy", "q", "updatedMin", "iCalUID", "fields")
OLDEST = "google.oldest_token"


class Listing:
    """Answer `events.list` over the calendars."""

    def __init__(self, *, store: Store, calendars: Calendars) -> None:
        """List what `calendars` keeps."""
        self._store = store
        self._calendars = calendars

    def expire_tokens(self) -> None:
        """Let every sync token given so far be too old."""
        self._store.set_knob(OLDEST, self._calendars.latest() + 1)
        # The next tokens must be newer than the ones that are over, with or without a change.
        self._store.set_knob("google.change", self._calendars.latest() + 1)

    def page(self, calendar: str, query: dict[str, str]) -> Json:
        """Return one page; the last one has the token for the next time."""
        zone = self._calendars.require(calendar)["timeZone"]
        _check(query)
        page = _unpacked(query["pageToken"]) if query.get("pageToken") else {}
        if page:
            state = page
        elif query.get("syncToken"):
            state = self._since(calendar, query)
        else:
            state = {
                "calendar": calendar,
                "since": 0,
                "single": query.get("singleEvents") == "true",
                "deleted": query.get("showDeleted") == "true",
                "window": [query.get("timeMin", ""), query.get("timeMax", "")],
                "offset": 0,
                "until": self._calendars.latest(),
            }
        items = list(self._items(state, zone))
        size = min(int(query.get("maxResults", "250")), 2500)
        shown = items[state["offset"] : state["offset"] + size]
        answer: Json = {
            "kind": "calendar#events",
            "etag": f'"{state["until"]}"',
            "summary": calendar,
            "timeZone": zone,
            "accessRole": "writer",
            "items": shown,
        }
        if state["offset"] + size < len(items):
            answer["nextPageToken"] = _packed({**state, "offset": state["offset"] + size})
        else:
            answer["nextSyncToken"] = _packed({**state, "since": state["until"], "offset": 0})
        return answer

    def _since(self, calendar: str, query: dict[str, str]) -> Json:
        for name in _NOT_WITH_TOKEN:
            if name in query:
                raise Refused(
                    400, "cannotUseWithSyncToken",
                    f"Sync token cannot be used with the parameter {name}.", domain="calendar",
                )  # fmt: skip
        state = _unpacked(query["syncToken"])
        if state["calendar"] != calendar:
            raise invalid("Invalid sync token value.")
        if state["since"] < int(self._store.knob(OLDEST, 0)):
            raise Refused(
                410, "fullSyncRequired",
                "Sync token is no longer valid, a full sync is required.", domain="calendar",
                locationType="parameter", location="syncToken",
            )  # fmt: skip
        if state["single"] != (query.get("singleEvents") == "true"):
            raise invalid("Sync token cannot be used with other parameters than the first list.")
        return {**state, "deleted": True, "offset": 0, "until": self._calendars.latest()}

    def _items(self, state: Json, zone: str) -> Iterator[Json]:
        since, until = state["since"], state["until"]
        for doc in self._calendars.docs(state["calendar"]):
            if not since < doc["change"] <= until:
                continue
            event = doc["event"]
            shown = times.instances(event, calendar_zone=zone) if state["single"] else iter([event])
            for one in shown:
                if one["status"] == "cancelled":
                    if state["deleted"]:
                        yield _gone(one["id"], event)
                elif _is_in(one, state["window"], zone):
                    yield one
                elif since:
                    # It left the window: for this list it is gone.
                    yield _gone(one["id"], event)
            if since and state["single"]:
                yield from (_gone(dropped, event) for dropped in doc["dropped"])


def _gone(event_id: str, event: Json) -> Json:
    """Return what is promised of a deleted event, and nothing beyond."""
    return {
        "kind": "calendar#event", "etag": event["etag"], "id": event_id, "status": "cancelled",
    }  # fmt: skip


def _is_in(event: Json, window: list[str], zone: str) -> bool:
    starts_at, ends_at = times.span(event, calendar_zone=zone)
    first, last = window
    return (not first or ends_at > datetime.fromisoformat(first)) and (
        not last or starts_at < datetime.fromisoformat(last)
    )


def _check(query: dict[str, str]) -> None:
    if unknown := set(query) - _KNOWN:
        raise invalid(f"Invalid parameter: {min(unknown)}")
    if not_played := set(query) & set(_NOT_PLAYED) - (
        set(_NOT_WITH_TOKEN) if "syncToken" in query else set()
    ):
        raise invalid(f"sandbox_not_played: {min(not_played)}")
    for name in ("timeMin", "timeMax"):
        if query.get(name):
            times.instant(query[name], name=name)
    size = query.get("maxResults", "250")
    if not size.isdigit() or int(size) < 1:
        raise invalid("Invalid integer value for: maxResults")


def _packed(state: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(state).encode()).decode()


def _unpacked(text: str) -> Json:
    try:
        state = json.loads(base64.urlsafe_b64decode(text))
    except (ValueError, binascii.Error) as error:
        raise invalid("Invalid sync token value.") from error
    if not isinstance(state, dict) or "since" not in state:
        raise invalid("Invalid sync token value.")
    return state

"""What Google keeps: calendars shared with the service account, and their events."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from sandbox.google import times
from sandbox.google.errors import Refused, deleted, invalid, not_found
from sandbox.store import Store
from sandbox.wire import Json, token

COMPANY = "bookings@sandbox.example"
NOTARIES = ("maria.alvarez", "james.whitfield", "priya.raman")
ZONE = "America/Chicago"
ROLES = ("writer", "reader", "none")
_ID = re.compile(r"[0-9a-v]{5,1024}")
_WRITABLE = frozenset(
    {
        "summary", "description", "location", "start", "end", "status", "transparency",
        "visibility", "extendedProperties", "reminders", "recurrence", "colorId", "source",
        "sequence", "guestsCanInviteOthers", "guestsCanModify", "guestsCanSeeOtherGuests",
    }
)  # fmt: skip
_WORDS = {
    "status": ("confirmed", "tentative", "cancelled"),
    "transparency": ("opaque", "transparent"),
    "visibility": ("default", "public", "private", "confidential"),
}
_LONGEST = {"summary": 1024, "description": 8192, "location": 1024}


class Calendars:
    """Calendars and events in the ledger; each change has a number that sync tokens count by."""

    def __init__(self, *, store: Store) -> None:
        """Keep them in one ledger."""
        self._store = store

    def reset(self) -> None:
        """Make the company's calendar and the demo notaries', each shared for writing."""
        for name in (COMPANY, *(f"{notary}@sandbox.example" for notary in NOTARIES)):
            if self._find(name) is None:
                self.share(calendar=name, zone=ZONE, role="writer")

    # Calendars

    def share(self, *, calendar: str, zone: str, role: str) -> Json:
        """Make a calendar, or share it with the service account otherwise."""
        times.zone_of(zone)
        doc = {"id": f"gcal:{calendar}", "calendar": calendar, "timeZone": zone, "role": role}
        if self._find(calendar) is None:
            return self._store.insert(kind="google_calendar", doc=doc)
        return self._store.replace(doc=doc)

    def _find(self, calendar: str) -> Json | None:
        return self._store.get(kind="google_calendar", key=f"gcal:{calendar}")

    def require(self, calendar: str, *, to_write: bool = False) -> Json:
        """Return a calendar the service account may read, or write."""
        found = self._find(calendar)
        if found is None or found["role"] == "none":
            raise not_found()
        if to_write and found["role"] != "writer":
            raise Refused(
                403, "requiredAccessLevel", "You need to have writer access to this calendar.",
                domain="calendar",
            )  # fmt: skip
        return found

    # Events

    def all_events(self) -> list[Json]:
        """Return every event of every calendar as the ledger shows it, oldest first."""
        return [
            {"calendar": doc["calendar"], **doc["event"]}
            for doc in self._store.select(kind="google_event")
        ]

    def docs(self, calendar: str) -> list[Json]:
        """Return a calendar's events with their change numbers, deleted ones too."""
        return self._store.select(kind="google_event", where="parent = ?", args=(calendar,))

    def get(self, calendar: str, event_id: str) -> Json:
        """Return an event; a deleted one says so in its status."""
        event: Json = self._doc(calendar, event_id)["event"]
        return event

    def _doc(self, calendar: str, event_id: str) -> Json:
        found = self._store.get(kind="google_event", key=_key(calendar, event_id))
        if found is None:
            raise not_found()
        return found

    def insert(self, calendar: str, body: Json) -> Json:
        """Add an event under the caller's id or a new one; an id is taken for ever."""
        zone = self.require(calendar)["timeZone"]
        event_id = body.pop("id", None) or token(26).lower().translate(_TO_BASE32HEX)
        if not isinstance(event_id, str) or not _ID.fullmatch(event_id):
            raise invalid("Invalid resource id value.")
        for name in ("start", "end"):
            if name not in body:
                raise Refused(400, "required", f"Missing {name} time.")
        fields = _checked(body, zone=zone)
        if self._store.get(kind="google_event", key=_key(calendar, event_id)) is not None:
            raise Refused(409, "duplicate", "The requested identifier already exists.")
        event = {
            "kind": "calendar#event",
            "id": event_id,
            "status": "confirmed",
            "htmlLink": f"https://www.google.com/calendar/event?eid={event_id}",
            "created": self._stamp(),
            "creator": {"email": "hmnp-bookings@sandbox-project.iam.gserviceaccount.example"},
            "organizer": {"email": calendar, "self": True},
            "iCalUID": f"{event_id}@google.com",
            "sequence": 0,
            "eventType": "default",
            "reminders": {"useDefault": True},
            **fields,
        }
        _check_range(event, zone=zone)
        doc = {
            "id": _key(calendar, event_id),
            "calendar": calendar,
            "dropped": [],
            **self._changed(event),
        }
        self._store.insert(kind="google_event", doc=doc, parent=calendar)
        return event

    def patch(self, calendar: str, event_id: str, body: Json, *, etag: str = "") -> Json:
        """Change the fields given; `status` confirmed brings a deleted event back."""
        zone = self.require(calendar)["timeZone"]
        doc = self._doc(calendar, event_id)
        _check_etag(doc, etag)
        body.pop("id", None)
        event = {**doc["event"], **_checked(body, zone=zone)}
        _check_range(event, zone=zone)
        self._keep(doc, event, zone=zone)
        return event

    def delete(self, calendar: str, event_id: str, *, etag: str = "") -> None:
        """Delete an event: it stays, cancelled."""
        zone = self.require(calendar)["timeZone"]
        doc = self._doc(calendar, event_id)
        if doc["event"]["status"] == "cancelled":
            raise deleted()
        _check_etag(doc, etag)
        self._keep(doc, {**doc["event"], "status": "cancelled"}, zone=zone)

    def _keep(self, doc: Json, event: Json, *, zone: str) -> None:
        before = {one["id"] for one in times.instances(doc["event"], calendar_zone=zone)}
        after = {one["id"] for one in times.instances(event, calendar_zone=zone)}
        doc["dropped"] = sorted({*doc["dropped"], *before} - after)
        self._store.replace(doc={**doc, **self._changed(event)})

    def _changed(self, event: Json) -> Json:
        number = self.latest() + 1
        self._store.set_knob("google.change", number)
        event["updated"] = self._stamp()
        event["etag"] = f'"{number:016d}"'
        return {"change": number, "event": event, "at": self._store.now()}

    def latest(self) -> int:
        """Return the number of the newest change."""
        return int(self._store.knob("google.change", 0))

    def _stamp(self) -> str:
        at = datetime.fromtimestamp(self._store.now(), UTC)
        return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


_TO_BASE32HEX = str.maketrans("wxyz", "0123")


def _key(calendar: str, event_id: str) -> str:
    return f"gev:{calendar}/{event_id}"


def _check_etag(doc: Json, given: str) -> None:
    if given and given not in ("*", doc["event"]["etag"]):
        raise Refused(
            412, "conditionNotMet", "Precondition Failed",
            locationType="header", location="If-Match",
        )  # fmt: skip


def _checked(body: Json, *, zone: str) -> Json:
    """Return the writable fields as Google keeps them; refuse everything else by name."""
    if body.get("attendees"):
        raise Refused(
            403,
            "forbiddenForServiceAccounts",
            "Service accounts cannot invite attendees without Domain-Wide Delegation of Authority.",
            domain="calendar",
        )
    if unknown := set(body) - _WRITABLE:
        raise invalid(f'Invalid JSON payload received. Unknown name "{min(unknown)}"')
    fields: Json = dict(body)
    for name, words in _WORDS.items():
        if name in fields and fields[name] not in words:
            raise invalid(f"Invalid value for: {name}")
    for name, longest in _LONGEST.items():
        value = fields.get(name, "")
        if not isinstance(value, str) or len(value) > longest:
            raise invalid(f"Invalid value for: {name}")
    if "extendedProperties" in fields:
        _check_properties(fields["extendedProperties"])
    if "recurrence" in fields:
        times.check_recurrence(fields["recurrence"])
    for name in ("start", "end"):
        if name in fields:
            fields[name] = times.checked(fields[name], name=name, calendar_zone=zone)
    return fields


def _check_properties(given: Any) -> None:
    groups = given if isinstance(given, dict) else {"": None}
    for name, group in groups.items():
        if (
            name not in ("private", "shared")
            or not isinstance(group, dict)
            or not all(isinstance(value, str) and len(value) <= 1024 for value in group.values())
            or any(len(key) > 44 for key in group)
        ):
            raise invalid("Invalid value for: extendedProperties")


def _check_range(event: Json, *, zone: str) -> None:
    if ("date" in event["start"]) != ("date" in event["end"]):
        raise invalid("Start and end times must either both be date or both be dateTime.")
    starts_at, ends_at = times.span(event, calendar_zone=zone)
    if ends_at <= starts_at:
        raise Refused(
            400, "timeRangeEmpty", "The specified time range is empty.", domain="calendar",
            locationType="parameter", location="timeMax",
        )  # fmt: skip

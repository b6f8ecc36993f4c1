"""One calendar of the location and its appointments."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sandbox.ghl import contacts, events
from sandbox.ghl.call import CALENDARS, Call, Endpoint, new_id
from sandbox.ghl.errors import Refused, missing
from sandbox.ghl.fields import FLAG, INSTANT, NEEDED, TEXT, Field, instant
from sandbox.wire import Json

ZONE = ZoneInfo("America/Chicago")
USERS = ("user_sandbox", "user_frontdesk")
SLOT = timedelta(minutes=30)
_STATUSES = ("new", "confirmed", "cancelled", "showed", "noshow", "invalid")


def find(call: Call, name: str) -> Json:
    """Return an appointment; raise Refused when there is none."""
    appointment = call.store.get(kind="ghl_appointment", key=name)
    if appointment is None or appointment["deleted"]:
        raise missing("Appointment", name)
    return appointment


def _local(text: str) -> str:
    moment = instant(text)
    if moment is None:
        raise Refused([f"{text} is no time with an offset"], status=422)
    return moment.astimezone(ZONE).isoformat(timespec="seconds")


def _tell(call: Call, kind: str, appointment: Json) -> None:
    shown = {k: v for k, v in appointment.items() if k not in ("deleted", "updatedBy", "toNotify")}
    events.record(call, kind, subject=appointment["id"], appointment=shown)


def _check(call: Call, appointment: Json, params: Json) -> None:
    if appointment["calendarId"] != call.config.ghl_calendar:
        raise Refused("The calendar id is invalid.")
    if appointment["assignedUserId"] not in ("", *USERS):
        raise Refused("The user id not part of calendar team.", status=422)
    start, end = times(appointment)
    if end <= start:
        raise Refused("The end time must be after the start time.", status=422)
    if params.get("ignoreFreeSlotValidation") or not {"startTime", "endTime"} & set(params):
        return
    for other in live(call):
        if other["id"] != appointment["id"]:
            begins, ends = times(other)
            if begins < end and start < ends:
                raise Refused("The slot you have selected is no longer available.")


def times(appointment: Json) -> tuple[datetime, datetime]:
    """Return when an appointment begins and ends."""
    return (
        datetime.fromisoformat(appointment["startTime"]),
        datetime.fromisoformat(appointment["endTime"]),
    )


def live(call: Call) -> list[Json]:
    """Return the appointments that take up time."""
    return [
        each
        for each in call.store.select(kind="ghl_appointment")
        if not each["deleted"] and each["appointmentStatus"] not in ("cancelled", "invalid")
    ]


_OPTIONS = ("ignoreDateRange", "ignoreFreeSlotValidation", "overrideLocationConfig")


def create(call: Call) -> Json:
    """Make an appointment, in a free slot unless the caller says that it need not be free."""
    params = call.params
    contact = contacts.find(call, params["contactId"])
    start = _local(params["startTime"])
    end = params.get("endTime") or (datetime.fromisoformat(start) + SLOT).isoformat()
    appointment: Json = {
        "id": new_id(),
        "title": contact["name"] or contact["firstName"],
        "appointmentStatus": "confirmed",
        "assignedUserId": "",
        "address": "",
        "description": "",
        "toNotify": True,
        **{k: v for k, v in params.items() if k not in _OPTIONS},
        "startTime": start,
        "endTime": _local(end),
        "groupId": "",
        "users": [],
        "source": call.author["source"],
        "createdBy": call.author,
        "updatedBy": call.author,
        "deleted": False,
        "dateAdded": call.now,
        "dateUpdated": call.now,
    }
    _check(call, appointment, params)
    call.store.insert(kind="ghl_appointment", doc=appointment, parent=contact["id"])
    _tell(call, "AppointmentCreate", appointment)
    return _answer(appointment)


def save(call: Call, appointment: Json, params: Json) -> Json:
    """Write new values and tell of them when anything is different."""
    changed = appointment | {k: v for k, v in params.items() if k not in _OPTIONS}
    if "startTime" in params:
        changed["startTime"] = _local(params["startTime"])
        if "endTime" not in params:
            start, end = times(appointment)
            length = end - start
            new_start = datetime.fromisoformat(changed["startTime"])
            changed["endTime"] = (new_start + length).isoformat(timespec="seconds")
    if "endTime" in params:
        changed["endTime"] = _local(params["endTime"])
    _check(call, changed, params)
    if changed == appointment:
        return appointment
    changed |= {"dateUpdated": call.now, "updatedBy": call.author}
    call.store.replace(doc=changed)
    _tell(call, "AppointmentUpdate", changed)
    return changed


def update(call: Call) -> Json:
    """Change an appointment."""
    return _answer(save(call, find(call, call.ref), call.params))


def _answer(appointment: Json) -> Json:
    names = ("calendarId", "locationId", "contactId", "startTime", "endTime", "title")
    more = ("appointmentStatus", "assignedUserId", "address", "id")
    return {name: appointment[name] for name in (*names, *more)}


def shown(appointment: Json) -> Json:
    """Return an appointment as it is shown."""
    return {k: v for k, v in appointment.items() if k not in ("deleted", "toNotify")}


def get(call: Call) -> Json:
    """Return an appointment."""
    return {"event": shown(find(call, call.ref))}


def delete(call: Call) -> Json:
    """Delete an appointment."""
    remove(call, find(call, call.ref))
    return {"succeeded": True}


def remove(call: Call, appointment: Json) -> None:
    """Delete and tell of it."""
    call.store.replace(doc=appointment | {"deleted": True})
    _tell(call, "AppointmentDelete", appointment)


_CHANGEABLE = {
    "title": TEXT,
    "meetingLocationType": Field(
        choices=("custom", "zoom", "gmeet", "phone", "address", "ms_teams", "google")
    ),
    "meetingLocationId": TEXT,
    "overrideLocationConfig": FLAG,
    "appointmentStatus": Field(choices=_STATUSES),
    "assignedUserId": TEXT,
    "description": TEXT,
    "address": TEXT,
    "ignoreDateRange": FLAG,
    "toNotify": FLAG,
    "ignoreFreeSlotValidation": FLAG,
    "calendarId": TEXT,
    "startTime": INSTANT,
    "endTime": INSTANT,
}
_READ, _WRITE = "calendars/events.readonly", "calendars/events.write"
ENDPOINTS = (
    Endpoint(
        method="POST",
        pattern="/calendars/events/appointments",
        run=create,
        scope=_WRITE,
        versions=CALENDARS,
        body={
            **_CHANGEABLE,
            "calendarId": NEEDED,
            "locationId": NEEDED,
            "contactId": NEEDED,
            "startTime": Field(kind="instant", required=True),
        },
    ),
    Endpoint(
        method="GET",
        pattern="/calendars/events/appointments/{id}",
        run=get,
        scope=_READ,
        versions=CALENDARS,
    ),
    Endpoint(
        method="PUT",
        pattern="/calendars/events/appointments/{id}",
        run=update,
        scope=_WRITE,
        versions=CALENDARS,
        body=_CHANGEABLE,
    ),
    Endpoint(
        method="DELETE",
        pattern="/calendars/events/{id}",
        run=delete,
        scope=_WRITE,
        versions=CALENDARS,
        body={},
        status=201,
    ),
)

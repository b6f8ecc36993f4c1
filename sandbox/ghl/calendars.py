"""Looking at the calendar: a contact's appointments, a span of time, what is free."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sandbox.ghl import contacts
from sandbox.ghl.appointments import SLOT, ZONE, live, shown, times
from sandbox.ghl.call import CALENDARS, CONTACTS, Call, Endpoint
from sandbox.ghl.errors import Refused
from sandbox.ghl.fields import NEEDED, TEXT
from sandbox.wire import Json

_OPEN_HOURS = range(8, 18)


def of_contact(call: Call) -> Json:
    """Return a contact's appointments; like the real one, with times of no zone."""
    contact = contacts.find(call, call.ref)
    found = call.store.select(kind="ghl_appointment", where="parent = ?", args=(contact["id"],))
    return {
        "events": [
            shown(each)
            | {name: each[name][:19].replace("T", " ") for name in ("startTime", "endTime")}
            for each in found
            if not each["deleted"]
        ]
    }


def listing(call: Call) -> Json:
    """Return the calendar's appointments that begin in a span of epoch milliseconds."""
    start, end = _span(call, "startTime", "endTime")
    if not {"calendarId", "userId", "groupId"} & set(call.query):
        raise Refused("Either of userId, groupId or calendarId is required.")
    return {
        "events": [
            shown(each)
            for each in call.store.select(kind="ghl_appointment")
            if not each["deleted"]
            and each["calendarId"] == call.query.get("calendarId", each["calendarId"])
            and start <= times(each)[0] < end
        ]
    }


def free_slots(call: Call) -> Json:
    """Return the free half hours of the days asked for, 31 at most."""
    start, end = _span(call, "startDate", "endDate")
    if end - start > timedelta(days=31):
        raise Refused("The date range must be at most 31 days.")
    taken = [times(each) for each in live(call)]
    days: dict[str, Json] = {}
    moment = start.astimezone(ZONE).replace(minute=0, second=0, microsecond=0)
    while moment < end:
        if (
            moment >= start
            and moment.hour in _OPEN_HOURS
            and not any(begins < moment + SLOT and moment < ends for begins, ends in taken)
        ):
            day = days.setdefault(moment.date().isoformat(), {"slots": []})
            day["slots"].append(moment.isoformat())
        moment = (moment.astimezone(UTC) + SLOT).astimezone(ZONE)
    return days


def _span(call: Call, first: str, last: str) -> tuple[datetime, datetime]:
    try:
        start, end = (
            datetime.fromtimestamp(int(call.query[name]) / 1000, UTC) for name in (first, last)
        )
    except (ValueError, OverflowError) as error:
        raise Refused([f"{first} and {last} must be epoch milliseconds"], status=422) from error
    return start, end


ENDPOINTS = (
    Endpoint(
        method="GET",
        pattern="/calendars/events",
        run=listing,
        scope="calendars/events.readonly",
        versions=CALENDARS,
        query={
            "locationId": NEEDED,
            "startTime": NEEDED,
            "endTime": NEEDED,
            **dict.fromkeys(("calendarId", "userId", "groupId"), TEXT),
        },
    ),
    Endpoint(
        method="GET",
        pattern="/calendars/{id}/free-slots",
        run=free_slots,
        scope="calendars.readonly",
        versions=CALENDARS,
        query={"startDate": NEEDED, "endDate": NEEDED, "timezone": TEXT, "userId": TEXT},
    ),
    Endpoint(
        method="GET",
        pattern="/contacts/{id}/appointments",
        run=of_contact,
        scope="contacts.readonly",
        versions=CONTACTS,
    ),
)

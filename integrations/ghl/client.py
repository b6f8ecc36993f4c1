"""GoHighLevel's API, call by call. It has no idempotency: who creates has looked before."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import httpx
from django.conf import settings

from integrations.errors import ConnectorError
from integrations.http import TIMEOUT, Api
from integrations.states import Destination

Json = dict[str, Any]

timeout: httpx.Timeout = TIMEOUT
_PAGE, _PAGES = 100, 10


def find_contact(*, email: str, phone: str) -> Json | None:
    """Give the contact that has the e-mail, else the one that has the phone."""
    for name, value in (("email", email), ("number", phone)):
        if not value:
            continue
        answer = _crm(
            "GET",
            "/contacts/search/duplicate",
            params={"locationId": _location(), name: value},
        )
        if isinstance(contact := answer.get("contact"), dict) and contact.get("id"):
            return contact
    return None


def get_contact(*, contact_id: str) -> Json | None:
    """Give a contact, or None when it is gone."""
    return _part(_if_there("GET", f"/contacts/{contact_id}"), "contact")


def upsert_contact(*, fields: Json) -> Json:
    """Make a contact, or change the one it matches; give it."""
    answer = _crm("POST", "/contacts/upsert", json={"locationId": _location(), **fields})
    return _needed(answer, "contact")


def update_contact(*, contact_id: str, fields: Json) -> Json | None:
    """Change a contact and give it, or None when it is gone."""
    answer = _if_there("PUT", f"/contacts/{contact_id}", json=fields)
    return None if answer is None else _needed(answer, "contact")


def add_tags(*, contact_id: str, tags: Collection[str]) -> None:
    """Add tags to a contact."""
    _crm("POST", f"/contacts/{contact_id}/tags", json={"tags": sorted(tags)})


def remove_tags(*, contact_id: str, tags: Collection[str]) -> None:
    """Take tags off a contact."""
    _crm("DELETE", f"/contacts/{contact_id}/tags", json={"tags": sorted(tags)})


def pipelines() -> list[Json]:
    """Give the location's pipelines, each with its stages."""
    answer = _crm("GET", "/opportunities/pipelines", params={"locationId": _location()})
    return _rows(answer, "pipelines")


def opportunities_of(*, contact_id: str) -> list[Json]:
    """Give all opportunities of a contact."""
    found: list[Json] = []
    for page in range(1, _PAGES + 1):
        answer = _crm(
            "GET",
            "/opportunities/search",
            params={
                "location_id": _location(),
                "contact_id": contact_id,
                "limit": str(_PAGE),
                "page": str(page),
            },
        )
        rows = _rows(answer, "opportunities")
        found += rows
        if len(rows) < _PAGE:
            break
    return found


def create_opportunity(*, fields: Json) -> str:
    """Make an opportunity and give its id."""
    body = {"locationId": _location(), **fields}
    return str(_needed(_crm("POST", "/opportunities/", json=body), "opportunity")["id"])


def update_opportunity(*, opportunity_id: str, fields: Json) -> bool:
    """Change an opportunity. Gives False when it is gone."""
    return _if_there("PUT", f"/opportunities/{opportunity_id}", json=fields) is not None


def delete_opportunity(*, opportunity_id: str) -> None:
    """Remove an opportunity; one that is gone is fine."""
    _if_there("DELETE", f"/opportunities/{opportunity_id}")


def appointments_of(*, contact_id: str) -> list[Json]:
    """Give a contact's appointments, cancelled ones too; their times have no zone here."""
    answer = _if_there("GET", f"/contacts/{contact_id}/appointments")
    return _not_deleted(_rows(answer or {}, "events"))


def appointments_between(*, start: datetime, end: datetime) -> list[Json]:
    """Give the calendar's appointments that begin in a span of time."""
    answer = _calendar(
        "GET",
        "/calendars/events",
        params={
            "locationId": _location(),
            "calendarId": _calendar_id(),
            "startTime": str(int(start.timestamp() * 1000)),
            "endTime": str(int(end.timestamp() * 1000)),
        },
    )
    return _not_deleted(_rows(answer, "events"))


def get_appointment(*, appointment_id: str) -> Json | None:
    """Give an appointment, or None when it is gone."""
    path = f"/calendars/events/appointments/{appointment_id}"
    answer = _if_there("GET", path, module=_calendar)
    found = _part(answer, "event") or _part(answer, "appointment")
    return None if found is None or found.get("deleted") else found


def create_appointment(*, fields: Json) -> str:
    """Make an appointment and give its id. Our own calendar says what is free, not theirs."""
    body = {
        "calendarId": _calendar_id(),
        "locationId": _location(),
        **fields,
        **_OUR_WORD,
    }
    answer = _calendar("POST", "/calendars/events/appointments", json=body)
    return str(_needed({"appointment": answer}, "appointment")["id"])


def update_appointment(*, appointment_id: str, fields: Json) -> bool:
    """Change an appointment. Gives False when it is gone."""
    path = f"/calendars/events/appointments/{appointment_id}"
    return _if_there("PUT", path, module=_calendar, json=fields | _OUR_WORD) is not None


def delete_appointment(*, appointment_id: str) -> None:
    """Remove an appointment; one that is gone is fine."""
    _if_there("DELETE", f"/calendars/events/{appointment_id}", module=_calendar, json={})


# The customer hears from us, not from the CRM's automations.
_OUR_WORD = {"toNotify": False, "ignoreDateRange": True, "ignoreFreeSlotValidation": True}


def _crm(method: str, path: str, **more: Any) -> Json:
    return _call(method, path, version=settings.GHL_API_VERSION_CONTACTS, **more)


def _calendar(method: str, path: str, **more: Any) -> Json:
    return _call(method, path, version=settings.GHL_API_VERSION_CALENDARS, **more)


def _call(method: str, path: str, *, version: str, **more: Any) -> Json:
    api = Api(
        destination=Destination.GHL,
        base_url=settings.GHL_API_BASE.rstrip("/"),
        headers={
            "Authorization": f"Bearer {settings.GHL_API_TOKEN}",
            "Version": version,
            "Accept": "application/json",
        },
        timeout=timeout,
    )
    try:
        return api.call(method, path, **more) or {}
    except ConnectorError as error:
        if error.status == 403:
            # A key of another location: no job would fare better until somebody mends it.
            raise ConnectorError(error.reason, are_credentials_refused=True) from None
        raise


def _if_there(method: str, path: str, *, module: Any = None, **more: Any) -> Json | None:
    """Make a call about one object, or give None when there is no such object.

    The documentation names no status for that: contacts answer 400, others 404.
    """
    try:
        answer: Json = (module or _crm)(method, path, **more)
    except ConnectorError as error:
        is_missing = error.status == 404 or (
            error.status in (400, 422) and "not found" in error.reason.lower()
        )
        if is_missing:
            return None
        raise
    return answer


def _location() -> str:
    return _configured("GHL_LOCATION_ID")


def _calendar_id() -> str:
    return _configured("GHL_CALENDAR_ID")


def _configured(name: str) -> str:
    value = str(getattr(settings, name))
    if not value:
        raise ConnectorError(f"cannot be used: {name} is not set", are_credentials_refused=True)
    return value


def _part(answer: Json | None, name: str) -> Json | None:
    found = (answer or {}).get(name)
    return found if isinstance(found, dict) and found.get("id") else None


def _needed(answer: Json, name: str) -> Json:
    found = _part(answer, name)
    if found is None:
        raise ConnectorError(f"answered without the {name}'s id", is_outcome_unknown=True)
    return found


def _rows(answer: Json, name: str) -> list[Json]:
    rows = answer.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _not_deleted(rows: list[Json]) -> list[Json]:
    return [row for row in rows if row.get("id") and not row.get("deleted")]

"""Knobs: act as a notary in Google's own pages, share calendars, age tokens, spend the quota."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sandbox.google.api import LIMIT
from sandbox.google.calendars import ROLES, ZONE, Calendars
from sandbox.google.errors import Refused
from sandbox.google.listing import Listing
from sandbox.store import Store
from sandbox.wire import Json, MalformedBody, Request, Response, Route, as_json


def routes(*, store: Store, calendars: Calendars, listing: Listing) -> tuple[Route, ...]:
    """Return the knobs' routes."""

    def share(body: Json) -> Json:
        role = body.get("role", "writer")
        if role not in ROLES:
            raise ValueError(f"role must be one of {', '.join(ROLES)}")
        return calendars.share(
            calendar=body["calendar"], zone=body.get("timeZone", ZONE), role=role
        )

    def add(body: Json) -> Json:
        return calendars.insert(body.pop("calendar"), body)

    def change(body: Json) -> Json:
        calendar, event_id = body.pop("calendar"), body.pop("id")
        if (minutes := body.pop("minutes", None)) is not None:
            event = calendars.get(calendar, event_id)
            body |= {
                name: {**event[name], "dateTime": _later(event[name]["dateTime"], minutes)}
                for name in ("start", "end")
            }
        return calendars.patch(calendar, event_id, body)

    def remove(body: Json) -> Json:
        calendars.delete(body["calendar"], body["id"])
        return {"deleted": body["id"]}

    def expire(_body: Json) -> Json:
        listing.expire_tokens()
        return {"expired": True}

    def limit(body: Json) -> Json:
        store.set_knob(LIMIT, int(body["times"]))
        return {"times": int(body["times"])}

    def knob(work: Callable[[Json], Json]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            try:
                with store.transaction():
                    return as_json(work(request.json()))
            except Refused as refused:
                return refused.answer
            except (MalformedBody, KeyError, TypeError, ValueError) as error:
                return as_json({"error": f"{type(error).__name__}: {error}"}, status=400)

        return answer

    return tuple(
        Route(method="POST", pattern=f"/_sandbox/google/{name}", handler=knob(work))
        for name, work in {
            "calendars": share,
            "events": add,
            "events/change": change,
            "events/delete": remove,
            "expire_sync_tokens": expire,
            "limit": limit,
        }.items()
    )


def _later(text: str, minutes: int) -> str:
    return (datetime.fromisoformat(text) + timedelta(minutes=minutes)).isoformat()

"""The CRM's own people at its screen, and what an owner of the location can set."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.config import Config
from sandbox.ghl import appointments, contacts, opportunities
from sandbox.ghl.call import SCOPES, Call, Meter
from sandbox.ghl.errors import Refused
from sandbox.store import Store
from sandbox.wire import Json, MalformedBody, Request, Response, Route, as_json

_SETTINGS = ("limit", "tokens", "pipelines", "one_opportunity_per_contact")


def routes(*, store: Store, config: Config, meter: Meter) -> tuple[Route, ...]:
    """Return the knobs' routes."""

    def route(method: str, pattern: str, work: Callable[[Call], Json]) -> Route:
        def handler(request: Request) -> Response:
            try:
                body = request.json()
                if not isinstance(body, dict):
                    raise MalformedBody("send a JSON object")
                user = str(body.pop("user", ""))
                call = Call(
                    store=store,
                    config=config,
                    ref=request.refs.get("id", ""),
                    params=body,
                    # Without a user it is the customer, by the link in the CRM's own mail.
                    author=(
                        {"source": "calendar", "userId": user}
                        if user
                        else {"source": "booking_widget"}
                    ),
                )
                with store.transaction():
                    return as_json(work(call))
            except Refused as error:
                return as_json(error.body, status=error.status)
            except MalformedBody as error:
                return as_json({"error": str(error)}, status=400)

        return Route(method=method, pattern=f"/_sandbox/ghl{pattern}", handler=handler)

    def settings(call: Call) -> Json:
        for name, value in call.params.items():
            if name not in _SETTINGS:
                raise Refused(f"unknown setting {name}; there are {', '.join(_SETTINGS)}")
            store.set_knob(f"ghl.{name}", value)
        meter.reset()
        return {name: store.knob(f"ghl.{name}") for name in _SETTINGS} | {"scopes": SCOPES}

    return (
        route("POST", "/settings", settings),
        route("POST", "/appointments", _create),
        route("POST", "/appointments/{id}", _change),
        route("DELETE", "/appointments/{id}", _delete),
        route("POST", "/contacts/{id}", _change_contact),
        route("DELETE", "/contacts/{id}", contacts.delete),
        route("POST", "/opportunities/{id}", _change_opportunity),
    )


def _create(call: Call) -> Json:
    """Book in the CRM: `contactId`, `startTime`; the rest as in the API."""
    call.params = {
        "calendarId": call.config.ghl_calendar,
        "locationId": call.config.ghl_location,
        "ignoreFreeSlotValidation": True,
        **call.params,
    }
    return appointments.create(call)


def _change(call: Call) -> Json:
    """Move, cancel or mark an appointment: `startTime`, `appointmentStatus`, `user`."""
    found = appointments.find(call, call.ref)
    return appointments.save(call, found, {"ignoreFreeSlotValidation": True, **call.params})


def _delete(call: Call) -> Json:
    appointments.remove(call, appointments.find(call, call.ref))
    return {"id": call.ref, "deleted": True}


def _change_contact(call: Call) -> Json:
    return contacts.save(call, contacts.find(call, call.ref), call.params)


def _change_opportunity(call: Call) -> Json:
    return opportunities.save(call, opportunities.find(call), call.params)

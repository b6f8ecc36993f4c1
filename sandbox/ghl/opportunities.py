"""Pipelines and the opportunities in them."""

from __future__ import annotations

from sandbox.ghl import contacts, events
from sandbox.ghl.call import CONTACTS, Call, Endpoint, new_id
from sandbox.ghl.errors import Refused, missing
from sandbox.ghl.fields import LIST, NEEDED, NUMBER, TEXT, Field
from sandbox.wire import Json

PIPELINE: Json = {
    "id": "pipe_sandbox",
    "name": "Lead to Service",
    "stages": [
        {"id": "stage_new", "name": "New Lead", "position": 0},
        {"id": "stage_booked", "name": "Booking Confirmed", "position": 1},
        {"id": "stage_started", "name": "In Progress", "position": 2},
        {"id": "stage_done", "name": "Service Completed", "position": 3},
        {"id": "stage_missed", "name": "No Show", "position": 4},
        {"id": "stage_cancelled", "name": "Cancelled", "position": 5},
    ],
}
_STATUSES = ("open", "won", "lost", "abandoned", "all")
_STATUS = Field(choices=_STATUSES)
_SHOWN = ("id", "name", "contactId", "pipelineId", "pipelineStageId", "status", "monetaryValue")


def pipelines_of(call: Call) -> list[Json]:
    """Return the location's pipelines, as the knob has set them."""
    found: list[Json] = call.store.knob("ghl.pipelines", [PIPELINE])
    return found


def list_pipelines(call: Call) -> Json:
    """Return all pipelines."""
    return {"pipelines": pipelines_of(call)}


def _check_place(call: Call, pipeline: str, stage: str) -> None:
    found = next((each for each in pipelines_of(call) if each["id"] == pipeline), None)
    if found is None:
        raise Refused("The pipeline id is invalid.")
    if stage not in [each["id"] for each in found["stages"]]:
        raise Refused("The pipeline stage id is invalid.")


def find(call: Call) -> Json:
    """Return an opportunity; raise Refused when there is none."""
    opportunity = call.store.get(kind="ghl_opportunity", key=call.ref)
    if opportunity is None or opportunity["deleted"]:
        raise missing("Opportunity", call.ref)
    return opportunity


def _tell(call: Call, kind: str, opportunity: Json) -> None:
    shown = {name: opportunity[name] for name in _SHOWN}
    events.record(call, kind, subject=opportunity["id"], **shown)


def create(call: Call) -> Json:
    """Make an opportunity; a location may forbid a contact's second open one."""
    params = call.params
    contact = contacts.find(call, params["contactId"])
    pipeline = next((p for p in pipelines_of(call) if p["id"] == params["pipelineId"]), None)
    first = pipeline["stages"][0]["id"] if pipeline else ""
    stage = params.get("pipelineStageId") or first
    _check_place(call, params["pipelineId"], stage)
    if call.store.knob("ghl.one_opportunity_per_contact", False) and _of(call, contact["id"]):
        raise Refused("Can not create duplicate opportunity for the contact.")
    opportunity: Json = {
        "id": new_id(),
        "monetaryValue": 0,
        "source": "",
        "assignedTo": "",
        "customFields": [],
        **params,
        "pipelineStageId": stage,
        "deleted": False,
        "createdAt": call.now,
        "updatedAt": call.now,
    }
    call.store.insert(kind="ghl_opportunity", doc=opportunity, parent=contact["id"])
    _tell(call, "OpportunityCreate", opportunity)
    return {"opportunity": opportunity}


def save(call: Call, opportunity: Json, changes: Json) -> Json:
    """Write new values and tell of them as the real one does, one event a kind of change."""
    changed = opportunity | changes
    if changed == opportunity:
        return opportunity
    changed["updatedAt"] = call.now
    call.store.replace(doc=changed)
    _tell(call, "OpportunityUpdate", changed)
    for name, kind in (
        ("pipelineStageId", "OpportunityStageUpdate"),
        ("status", "OpportunityStatusUpdate"),
        ("monetaryValue", "OpportunityMonetaryValueUpdate"),
    ):
        if changed[name] != opportunity[name]:
            _tell(call, kind, changed)
    return changed


def update(call: Call) -> Json:
    """Change an opportunity."""
    opportunity = find(call)
    merged = opportunity | call.params
    _check_place(call, merged["pipelineId"], merged["pipelineStageId"])
    return {"opportunity": save(call, opportunity, call.params)}


def set_status(call: Call) -> Json:
    """Change only the status."""
    save(call, find(call), {"status": call.params["status"]})
    return {"succeded": True}


def get(call: Call) -> Json:
    """Return an opportunity."""
    return {"opportunity": find(call)}


def delete(call: Call) -> Json:
    """Delete an opportunity."""
    opportunity = find(call)
    call.store.replace(doc=opportunity | {"deleted": True})
    _tell(call, "OpportunityDelete", opportunity)
    return {"succeded": True}


def _of(call: Call, contact_id: str) -> list[Json]:
    found = call.store.select(kind="ghl_opportunity", where="parent = ?", args=(contact_id,))
    return [each for each in found if not each["deleted"]]


def search(call: Call) -> Json:
    """Find opportunities, newest first, in pages."""
    query = call.query
    rows = [each for each in call.store.select(kind="ghl_opportunity") if not each["deleted"]]
    for given, name in (
        ("contact_id", "contactId"),
        ("pipeline_id", "pipelineId"),
        ("pipeline_stage_id", "pipelineStageId"),
    ):
        if given in query:
            rows = [each for each in rows if each[name] == query[given]]
    if query.get("status", "all") != "all":
        rows = [each for each in rows if each["status"] == query["status"]]
    if "q" in query:
        rows = [each for each in rows if query["q"].lower() in each["name"].lower()]
    rows.reverse()
    limit, page = _whole(query, "limit", 20), _whole(query, "page", 1)
    if limit > 100:
        raise Refused(["limit must not be greater than 100"], status=422)
    start = (page - 1) * limit
    return {
        "opportunities": rows[start : start + limit],
        "meta": {
            "total": len(rows),
            "currentPage": page,
            "nextPage": page + 1 if start + limit < len(rows) else None,
            "prevPage": page - 1 or None,
        },
        "aggregations": {},
    }


def _whole(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit() or int(text) < 1:
        raise Refused([f"{name} must be a number string"], status=422)
    return int(text)


_CHANGEABLE = {
    "pipelineId": TEXT,
    "name": TEXT,
    "pipelineStageId": TEXT,
    "status": _STATUS,
    "monetaryValue": NUMBER,
    "assignedTo": TEXT,
    "customFields": LIST,
}
_READ, _WRITE = "opportunities.readonly", "opportunities.write"
ENDPOINTS = (
    Endpoint(
        method="GET",
        pattern="/opportunities/pipelines",
        run=list_pipelines,
        scope=_READ,
        versions=CONTACTS,
        query={"locationId": NEEDED},
    ),
    Endpoint(
        method="GET",
        pattern="/opportunities/search",
        run=search,
        scope=_READ,
        versions=CONTACTS,
        query={
            "location_id": NEEDED,
            **dict.fromkeys(
                ("contact_id", "pipeline_id", "pipeline_stage_id", "q", "limit", "page"), TEXT
            ),
            "status": _STATUS,
        },
    ),
    Endpoint(
        method="POST",
        pattern="/opportunities/",
        run=create,
        scope=_WRITE,
        versions=CONTACTS,
        body={
            **_CHANGEABLE,
            "pipelineId": NEEDED,
            "locationId": NEEDED,
            "name": NEEDED,
            "status": Field(required=True, choices=_STATUSES),
            "contactId": NEEDED,
            "source": TEXT,
        },
        status=201,
    ),
    Endpoint(method="GET", pattern="/opportunities/{id}", run=get, scope=_READ, versions=CONTACTS),
    Endpoint(
        method="PUT",
        pattern="/opportunities/{id}",
        run=update,
        scope=_WRITE,
        versions=CONTACTS,
        body=_CHANGEABLE,
    ),
    Endpoint(
        method="PUT",
        pattern="/opportunities/{id}/status",
        run=set_status,
        scope=_WRITE,
        versions=CONTACTS,
        body={"status": Field(required=True, choices=_STATUSES), "lostReasonId": TEXT},
    ),
    Endpoint(
        method="DELETE", pattern="/opportunities/{id}", run=delete, scope=_WRITE, versions=CONTACTS
    ),
)

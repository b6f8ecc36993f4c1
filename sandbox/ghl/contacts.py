"""Contacts: one a person, found by e-mail first and by phone second."""

from __future__ import annotations

from typing import Any

from sandbox.ghl import events
from sandbox.ghl.call import CONTACTS, Call, Endpoint, new_id
from sandbox.ghl.errors import Refused, missing
from sandbox.ghl.fields import FLAG, LIST, NEEDED, TEXT, Field
from sandbox.wire import Json

_WRITABLE = dict.fromkeys(
    (
        *("firstName", "lastName", "name", "email", "phone", "address1", "city", "state"),
        *("postalCode", "country", "website", "timezone", "source", "assignedTo", "companyName"),
    ),
    TEXT,
)
_BODY = {**_WRITABLE, "tags": LIST, "customFields": LIST, "dnd": FLAG}
_SHOWN = ("id", "email", "phone", "firstName", "lastName", "tags", "customFields")


def find(call: Call, name: str) -> Json:
    """Return a contact; raise Refused when there is none."""
    contact = call.store.get(kind="ghl_contact", key=name)
    if contact is None or contact["deleted"]:
        raise missing("Contact", name)
    return contact


def _match(call: Call, field: str, value: str) -> Json | None:
    if not value:
        return None
    for contact in call.store.select(kind="ghl_contact"):
        if not contact["deleted"] and contact[field].lower() == value.lower():
            return contact
    return None


def _tell(call: Call, kind: str, contact: Json) -> None:
    shown = {name: contact[name] for name in _SHOWN}
    events.record(call, kind, subject=contact["id"], **shown)


def _written(contact: Json, params: Json) -> Json:
    changed = {**contact}
    for name in _WRITABLE:
        if name in params:
            changed[name] = params[name] or ""
    changed["email"] = changed["email"].lower()
    # Like the real one: a list of tags here replaces all there were.
    if "tags" in params:
        changed["tags"] = clean_tags(params["tags"])
    if "customFields" in params:
        changed["customFields"] = params["customFields"]
    return changed


def clean_tags(tags: list[Any]) -> list[str]:
    """Return tags as they are kept: lower case, each once; raise Refused unless all are text."""
    if not all(isinstance(tag, str) and tag.strip() for tag in tags):
        raise Refused(["each value in tags must be a string"], status=422)
    return list(dict.fromkeys(tag.strip().lower() for tag in tags))


def upsert(call: Call) -> Json:
    """Make a contact, or change the one that has the e-mail, else the one that has the phone.

    If another contact has the phone, that one is left alone and the phone is not taken over.
    """
    params = dict(call.params)
    email, phone = params.get("email") or "", params.get("phone") or ""
    if not (email or phone or params.get("name") or params.get("firstName")):
        raise Refused("Pass at least one of email, phone, firstName, name")
    by_email, by_phone = _match(call, "email", email), _match(call, "phone", phone)
    found = by_email or by_phone
    if by_email and by_phone and by_email["id"] != by_phone["id"]:
        params.pop("phone")
    if found is not None:
        return {"new": False, "contact": save(call, found, params)}
    contact = _written(_blank(call), params)
    call.store.insert(kind="ghl_contact", doc=contact)
    _tell(call, "ContactCreate", contact)
    return {"new": True, "contact": contact}


def _blank(call: Call) -> Json:
    return {
        "id": new_id(),
        "locationId": call.config.ghl_location,
        "tags": [],
        "customFields": [],
        "deleted": False,
        "dateAdded": call.now,
        "dateUpdated": call.now,
        **dict.fromkeys(_WRITABLE, ""),
    }


def save(call: Call, contact: Json, params: Json) -> Json:
    """Write a contact's new values and tell of it when anything is different."""
    changed = _written(contact, params)
    if changed == contact:
        return contact
    changed["dateUpdated"] = call.now
    call.store.replace(doc=changed)
    _tell(call, "ContactUpdate", changed)
    return changed


def update(call: Call) -> Json:
    """Change a contact; another one's e-mail or phone is refused."""
    contact = find(call, call.ref)
    for field in ("email", "phone"):
        twin = _match(call, field, call.params.get(field) or "")
        if twin is not None and twin["id"] != contact["id"]:
            raise Refused(
                "This location does not allow duplicated contacts.",
                meta={"contactId": twin["id"], "matchingField": field},
            )
    return {"succeded": True, "contact": save(call, contact, call.params)}


def get(call: Call) -> Json:
    """Return a contact."""
    return {"contact": find(call, call.ref)}


def search_duplicate(call: Call) -> Json:
    """Return the contact that has the e-mail or, if that finds none, the number; else null."""
    email, number = call.query.get("email", ""), call.query.get("number", "")
    if not email and not number:
        raise Refused(["Pass email or number"], status=422)
    return {"contact": _match(call, "email", email) or _match(call, "phone", number)}


def delete(call: Call) -> Json:
    """Delete a contact with its appointments and opportunities."""
    contact = find(call, call.ref)
    call.store.replace(doc=contact | {"deleted": True})
    for kind in ("ghl_appointment", "ghl_opportunity"):
        for doc in call.store.select(kind=kind, where="parent = ?", args=(contact["id"],)):
            call.store.replace(doc=doc | {"deleted": True})
    _tell(call, "ContactDelete", contact)
    return {"succeded": True}


def _set_tags(call: Call, contact: Json, tags: list[str]) -> None:
    if tags == contact["tags"]:
        return
    changed = contact | {"tags": tags, "dateUpdated": call.now}
    call.store.replace(doc=changed)
    _tell(call, "ContactTagUpdate", changed)


def add_tags(call: Call) -> Json:
    """Add tags."""
    contact = find(call, call.ref)
    given = clean_tags(call.params["tags"])
    added = [tag for tag in given if tag not in contact["tags"]]
    _set_tags(call, contact, [*contact["tags"], *added])
    return {"tags": [*contact["tags"], *added], "tagsAdded": added}


def remove_tags(call: Call) -> Json:
    """Remove tags."""
    contact = find(call, call.ref)
    given = clean_tags(call.params["tags"])
    left = [tag for tag in contact["tags"] if tag not in given]
    _set_tags(call, contact, left)
    return {"tags": left, "tagsRemoved": [tag for tag in given if tag in contact["tags"]]}


def add_note(call: Call) -> Json:
    """Put a note on a contact."""
    contact = find(call, call.ref)
    note: Json = {
        "id": new_id(),
        "contactId": contact["id"],
        "body": call.params["body"],
        "title": call.params.get("title", ""),
        "dateAdded": call.now,
    }
    call.store.insert(kind="ghl_note", doc=note, parent=contact["id"])
    events.record(
        call, "NoteCreate", subject=note["id"], **{k: note[k] for k in ("id", "body", "contactId")}
    )
    return {"note": note}


_TAGS = {"tags": Field(kind="list", required=True)}
_READ, _WRITE = "contacts.readonly", "contacts.write"
ENDPOINTS = (
    Endpoint(
        method="POST",
        pattern="/contacts/upsert",
        run=upsert,
        scope=_WRITE,
        versions=CONTACTS,
        body={**_BODY, "locationId": NEEDED, "createNewIfDuplicateAllowed": FLAG},
    ),
    Endpoint(
        method="GET",
        pattern="/contacts/search/duplicate",
        run=search_duplicate,
        scope=_READ,
        versions=CONTACTS,
        query={"locationId": NEEDED, "email": TEXT, "number": TEXT},
    ),
    Endpoint(method="GET", pattern="/contacts/{id}", run=get, scope=_READ, versions=CONTACTS),
    Endpoint(
        method="PUT",
        pattern="/contacts/{id}",
        run=update,
        scope=_WRITE,
        versions=CONTACTS,
        body=_BODY,
    ),
    Endpoint(
        method="DELETE", pattern="/contacts/{id}", run=delete, scope=_WRITE, versions=CONTACTS
    ),
    Endpoint(
        method="POST",
        pattern="/contacts/{id}/tags",
        run=add_tags,
        scope=_WRITE,
        versions=CONTACTS,
        body=_TAGS,
        status=201,
    ),
    Endpoint(
        method="DELETE",
        pattern="/contacts/{id}/tags",
        run=remove_tags,
        scope=_WRITE,
        versions=CONTACTS,
        body=_TAGS,
    ),
    Endpoint(
        method="POST",
        pattern="/contacts/{id}/notes",
        run=add_note,
        scope=_WRITE,
        versions=CONTACTS,
        body={"body": NEEDED, "title": TEXT, "userId": TEXT, "color": TEXT, "pinned": FLAG},
        status=201,
    ),
)

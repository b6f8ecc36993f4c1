"""GoHighLevel as the sandbox plays it: strict, stateful, limited, and signing what it tells."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import stripe
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from sandbox.ghl.events import PUBLIC_PEM
from sandbox.tests.driving import Running, make_intent, wait_for

LOCATION, CALENDAR = "loc_sandbox", "cal_sandbox"
CRM, CALENDARS = "2021-07-28", "2021-04-15"


@dataclass
class Crm:
    """A client of the API that a test may spoil."""

    http: httpx.Client
    token: str = "pit-sandbox"

    def call(
        self, method: str, path: str, body: Any = None, *, version: str = CRM, **query: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if version:
            headers["Version"] = version
        return self.http.request(
            method, f"/ghl{path}", json=body, params=query or None, headers=headers
        )

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        answer = self.call(method, path, body, **more)
        assert answer.status_code in (200, 201), answer.text
        result: dict[str, Any] = answer.json()
        return result

    def contact(self, **fields: str) -> dict[str, Any]:
        body = {"locationId": LOCATION, "email": "canary@example.com", **fields}
        result: dict[str, Any] = self.ok("POST", "/contacts/upsert", body)["contact"]
        return result

    def appointment(self, contact_id: str, **fields: Any) -> dict[str, Any]:
        body = {
            "calendarId": CALENDAR,
            "locationId": LOCATION,
            "contactId": contact_id,
            "startTime": "2026-12-01T09:00:00-06:00",
            "endTime": "2026-12-01T10:00:00-06:00",
            **fields,
        }
        path = "/calendars/events/appointments"
        return self.ok("POST", path, body, version=CALENDARS)


@pytest.fixture
def crm(sandbox: Running) -> Iterator[Crm]:
    with sandbox.http() as client:
        yield Crm(http=client)


@dataclass
class Ear:
    """A webhook endpoint of GoHighLevel's that checks every signature."""

    url: str = ""
    status: int = 200
    bodies: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0

    @property
    def types(self) -> list[str]:
        return [body["type"] for body in self.bodies]


def _public_key() -> Ed25519PublicKey:
    key = load_pem_public_key(PUBLIC_PEM.encode())
    assert isinstance(key, Ed25519PublicKey)
    return key


@pytest.fixture
def ear(sandbox: Running) -> Iterator[Ear]:
    heard = Ear()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            _public_key().verify(base64.b64decode(self.headers["X-GHL-Signature"]), body)
            if heard.status == 200:
                heard.bodies.append(json.loads(body))
            else:
                heard.refused += 1
            self.send_response(heard.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    heard.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    sandbox.post("/_sandbox/ghl/webhook_endpoints", {"url": heard.url})
    yield heard
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("token", "version", "status", "said"),
    [
        ("", CRM, 401, "Invalid JWT"),
        ("wrong", CRM, 401, "Invalid Private Integration token"),
        ("pit-readonly", CRM, 401, "not authorized for this scope"),
        ("pit-sandbox", "", 400, "version header was not found"),
        ("pit-sandbox", CALENDARS, 400, "version 2021-04-15 is not valid here"),
        ("pit-sandbox", "v3", 200, ""),
    ],
)
def test_token_scope_and_version_are_checked(
    sandbox: Running, crm: Crm, token: str, version: str, status: int, said: str
) -> None:
    sandbox.post("/_sandbox/ghl/settings", {"tokens": {"pit-readonly": ["contacts.readonly"]}})
    crm.token = token
    body = {"locationId": LOCATION, "email": "canary@example.com"}
    answer = crm.call("POST", "/contacts/upsert", body, version=version)
    assert answer.status_code == status
    assert said in answer.json().get("message", "")
    assert len(sandbox.ledger()["ghl_contacts"]) == (1 if status == 200 else 0)


@pytest.mark.parametrize(
    ("path", "version", "body", "status", "said"),
    [
        ("/contacts/upsert", CRM, {"email": "a@example.com"}, 422, "locationId should not be"),
        ("/contacts/upsert", CRM, {"locationId": "other", "email": "a@e.com"}, 403, "location"),
        ("/contacts/upsert", CRM, {"locationId": LOCATION, "nick": "x"}, 422, "nick should not"),
        ("/contacts/nobody/tags", CRM, {"tags": ["a"]}, 400, "Contact with id nobody not found"),
        ("/opportunities/", CRM, {"locationId": LOCATION}, 422, "pipelineId should not be empty"),
        (
            "/calendars/events/appointments",
            CALENDARS,
            {"locationId": LOCATION, "calendarId": CALENDAR, "contactId": "x",
             "startTime": "2026-12-01T09:00:00"},
            422,
            "startTime must be a valid ISO 8601",
        ),
        (
            "/calendars/events/appointments",
            CRM,
            {},
            400,
            "version 2021-07-28 is not valid here",
        ),
    ],
)  # fmt: skip
def test_bodies_are_checked(
    crm: Crm, path: str, version: str, body: dict[str, Any], status: int, said: str
) -> None:
    answer = crm.call("POST", path, body, version=version)
    assert answer.status_code == status
    assert answer.json()["statusCode"] == status
    assert said in str(answer.json()["message"])


def test_an_upsert_finds_by_email_before_phone_and_never_makes_twins(
    sandbox: Running, crm: Crm
) -> None:
    first = crm.contact(phone="+17135550100", firstName="Canary")
    other = crm.contact(email="other@example.com", phone="+17135550101")
    again = crm.contact(phone="+17135550101", firstName="Renamed")
    assert again["id"] == first["id"]
    assert (again["firstName"], again["phone"]) == ("Renamed", "+17135550100")
    by_phone = crm.contact(email="new@example.com", phone="+17135550101")
    assert (by_phone["id"], by_phone["email"]) == (other["id"], "new@example.com")
    assert len(sandbox.ledger()["ghl_contacts"]) == 2
    taken = crm.call("PUT", f"/contacts/{first['id']}", {"email": "new@example.com"})
    assert taken.status_code == 400
    assert taken.json()["meta"]["contactId"] == other["id"]
    found = crm.ok(
        "GET", "/contacts/search/duplicate", locationId=LOCATION, email="NEW@example.com"
    )
    assert found["contact"]["id"] == other["id"]
    none = crm.ok("GET", "/contacts/search/duplicate", locationId=LOCATION, number="+17135550999")
    assert none["contact"] is None


def test_tags_given_with_a_contact_replace_all_those_at_their_own_address_do_not(crm: Crm) -> None:
    contact = crm.contact()
    path = f"/contacts/{contact['id']}/tags"
    crm.ok("POST", path, {"tags": ["VIP", "status:a"]})
    added = crm.ok("POST", path, {"tags": ["status:b"]})
    assert added["tags"] == ["vip", "status:a", "status:b"]
    removed = crm.ok("DELETE", path, {"tags": ["status:a"]})
    assert removed["tags"] == ["vip", "status:b"]
    crm.ok("PUT", f"/contacts/{contact['id']}", {"tags": ["only"]})
    assert crm.ok("GET", f"/contacts/{contact['id']}")["contact"]["tags"] == ["only"]


def test_an_opportunity_goes_through_its_pipeline(sandbox: Running, crm: Crm) -> None:
    (pipeline,) = crm.ok("GET", "/opportunities/pipelines", locationId=LOCATION)["pipelines"]
    assert pipeline["name"] == "Lead to Service"
    stages = {stage["name"]: stage["id"] for stage in pipeline["stages"]}
    contact = crm.contact()
    body = {
        "pipelineId": pipeline["id"],
        "locationId": LOCATION,
        "name": "Standard · HM-7K3WQ9",
        "status": "open",
        "contactId": contact["id"],
        "pipelineStageId": stages["Booking Confirmed"],
        "monetaryValue": 85.5,
    }
    assert crm.call("POST", "/opportunities/", body | {"pipelineStageId": "x"}).status_code == 400
    made = crm.ok("POST", "/opportunities/", body)["opportunity"]
    path = f"/opportunities/{made['id']}"
    changed = crm.ok("PUT", path, {"pipelineStageId": stages["Cancelled"], "status": "lost"})
    assert changed["opportunity"]["status"] == "lost"
    assert crm.ok("PUT", f"{path}/status", {"status": "open"})["succeded"] is True
    query = {"location_id": LOCATION, "contact_id": contact["id"]}
    found = crm.ok("GET", "/opportunities/search", **query)
    assert [each["id"] for each in found["opportunities"]] == [made["id"]]
    assert found["meta"]["total"] == 1
    assert found["opportunities"][0]["status"] == "open"
    assert crm.call("GET", "/opportunities/search", locationId=LOCATION).status_code == 422


def test_an_appointment_is_made_moved_cancelled_and_deleted(sandbox: Running, crm: Crm) -> None:
    contact = crm.contact()
    made = crm.appointment(contact["id"], title="Standard · HM-7K3WQ9")
    assert (made["appointmentStatus"], made["startTime"]) == (
        "confirmed",
        "2026-12-01T09:00:00-06:00",
    )
    path = f"/calendars/events/appointments/{made['id']}"
    moved = crm.ok("PUT", path, {"startTime": "2026-12-02T15:00:00Z"}, version=CALENDARS)
    assert (moved["startTime"], moved["endTime"]) == (
        "2026-12-02T09:00:00-06:00",
        "2026-12-02T10:00:00-06:00",
    )
    listed = crm.ok("GET", f"/contacts/{contact['id']}/appointments")["events"]
    assert [each["startTime"] for each in listed] == ["2026-12-02 09:00:00"]
    clash = {
        "calendarId": CALENDAR, "locationId": LOCATION, "contactId": contact["id"],
        "startTime": "2026-12-02T09:30:00-06:00",
    }  # fmt: skip
    events = "/calendars/events/appointments"
    taken = crm.call("POST", events, clash, version=CALENDARS)
    assert taken.status_code == 400
    assert "no longer available" in taken.json()["message"]
    crm.ok("POST", events, clash | {"ignoreFreeSlotValidation": True}, version=CALENDARS)
    span = {"startDate": "1796202000000", "endDate": "1796256000000"}
    slots = crm.ok("GET", f"/calendars/{CALENDAR}/free-slots", version=CALENDARS, **span)
    free = slots["2026-12-02"]["slots"]
    assert "2026-12-02T08:30:00-06:00" in free
    assert "2026-12-02T09:30:00-06:00" not in free
    crm.ok("PUT", path, {"appointmentStatus": "cancelled"}, version=CALENDARS)
    window = {"locationId": LOCATION, "calendarId": CALENDAR, "startTime": span["startDate"],
              "endTime": span["endDate"]}  # fmt: skip
    found = crm.ok("GET", "/calendars/events", version=CALENDARS, **window)["events"]
    assert [each["appointmentStatus"] for each in found] == ["cancelled", "confirmed"]
    no_body = crm.call("DELETE", f"/calendars/events/{made['id']}", version=CALENDARS)
    assert no_body.status_code == 415
    gone = crm.call("DELETE", f"/calendars/events/{made['id']}", {}, version=CALENDARS)
    assert gone.status_code == 201
    assert crm.call("GET", path, version=CALENDARS).status_code == 404


def test_changes_are_told_signed_and_name_who_made_them(
    sandbox: Running, crm: Crm, ear: Ear
) -> None:
    contact = crm.contact()
    made = crm.appointment(contact["id"])
    crm.contact()  # the same again changes nothing
    start = {"startTime": "2026-12-03T09:00:00-06:00"}
    sandbox.post(f"/_sandbox/ghl/appointments/{made['id']}", start | {"user": "user_frontdesk"})
    sandbox.post(f"/_sandbox/ghl/appointments/{made['id']}", {"appointmentStatus": "cancelled"})
    sandbox.post(f"/_sandbox/ghl/contacts/{contact['id']}", {"phone": "+17135550111"})
    wait_for(lambda: len(ear.bodies) == 5)
    assert sorted(ear.types) == sorted(
        ["ContactCreate", "AppointmentCreate", *["AppointmentUpdate"] * 2, "ContactUpdate"]
    )
    told = next(body for body in ear.bodies if body["type"] == "AppointmentUpdate")
    assert told["locationId"] == LOCATION
    assert told["appointment"]["id"] == made["id"]
    assert len({body["webhookId"] for body in ear.bodies}) == 5
    path = f"/calendars/events/appointments/{made['id']}"
    now = crm.ok("GET", path, version=CALENDARS)["event"]
    assert now["createdBy"] == {"source": "third_party"}
    assert now["updatedBy"] == {"source": "booking_widget"}


def test_only_a_429_is_told_again(sandbox: Running, crm: Crm, ear: Ear) -> None:
    ear.status = 500
    crm.contact()
    wait_for(lambda: ear.refused == 1)
    ear.status = 429
    crm.contact(firstName="Canary")
    wait_for(lambda: ear.refused == 2)
    ear.status = 200
    wait_for(lambda: ear.types == ["ContactUpdate"])
    states = [each["state"] for each in sandbox.ledger()["webhook_deliveries"]]
    assert states == ["lost", "delivered"]


def test_the_location_is_limited(sandbox: Running, crm: Crm) -> None:
    sandbox.post("/_sandbox/ghl/settings", {"limit": 3})
    query = {"locationId": LOCATION}
    answers = [crm.call("GET", "/opportunities/pipelines", **query) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["X-RateLimit-Max"] == "3"
    assert answers[0].headers["X-RateLimit-Interval-Milliseconds"] == "10000"
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]


@pytest.mark.parametrize(
    ("action", "status", "is_done"),
    [("error_500", 500, False), ("error_500_after_commit", 500, True), ("error_429", 429, False),
     ("garbage", 200, True)],
)  # fmt: skip
def test_faults_happen_here_too(
    sandbox: Running, crm: Crm, action: str, status: int, is_done: bool
) -> None:
    sandbox.post("/_sandbox/faults", {"action": action, "match": {"system": "ghl"}})
    body = {"locationId": LOCATION, "email": "canary@example.com"}
    assert crm.call("POST", "/contacts/upsert", body).status_code == status
    assert len(sandbox.ledger()["ghl_contacts"]) == int(is_done)


def test_the_page_shows_what_the_crm_holds_beside_the_booking_s_money(
    sandbox: Running, crm: Crm, api: stripe.StripeClient
) -> None:
    booked = {"booking_id": "b-1", "payment_id": "p-1", "reference": "HM-7K3WQ9"}
    intent = make_intent(api, metadata=booked)
    made = crm.appointment(crm.contact()["id"], title="Standard · HM-7K3WQ9")
    page = crm.http.get("/").text
    (table,) = [part for part in page.split("<table>") if intent.id in part]
    assert f"appointment {made['id']}" in table

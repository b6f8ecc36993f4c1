"""Google Calendar as Google's own library and an ordinary HTTP client see it."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.auth import jwt
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request as GoogleRequest
from google.oauth2 import service_account

from sandbox.tests.driving import Running, free_port, web

SCOPE = "https://www.googleapis.com/auth/calendar.events"
CALENDAR = "bookings@sandbox.example"
ID = "0123456789abcdef"
_http = GoogleRequest()


class Google:
    """A sandbox, and a token for it."""

    def __init__(self, running: Running, file: Path) -> None:
        self.running = running
        self.file = file
        self.token = ""

    def sign_in(self, **claims: Any) -> str:
        scopes = claims.pop("scopes", [SCOPE])
        credentials = service_account.Credentials.from_service_account_file(
            str(self.file), scopes=scopes, **claims
        )
        credentials.refresh(_http)
        self.token = str(credentials.token)
        return self.token

    def call(self, method: str, path: str, **extra: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **extra.pop("headers", {})}
        url = f"{self.running.url}/google/calendar/v3{path}"
        return web.request(method, url, headers=headers, **extra)

    def events(self, path: str = "", *, method: str = "GET", **extra: Any) -> httpx.Response:
        return self.call(method, f"/calendars/{CALENDAR}/events{path}", **extra)

    def insert(self, **fields: Any) -> httpx.Response:
        return self.events(method="POST", json={**event(), **fields})

    def act(self, path: str, **body: Any) -> dict[str, Any]:
        return self.running.post(f"/_sandbox/google/{path}", body)

    def changes(self, token: str) -> Any:
        found = self.events(params={"syncToken": token, "singleEvents": "true"}).json()
        return {one["id"]: one for one in found["items"]}, found["nextSyncToken"]


def event(hour: int = 10, **fields: Any) -> dict[str, Any]:
    return {
        "summary": "Signing",
        "start": {"dateTime": f"2027-03-02T{hour}:00:00-06:00", "timeZone": "America/Chicago"},
        "end": {"dateTime": f"2027-03-02T{hour + 1}:00:00-06:00", "timeZone": "America/Chicago"},
        **fields,
    }


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("google")
    running = Running(data=folder / "s.sqlite3", port=free_port())
    running.start("--google-service-account", str(folder / "key.json"))
    yield Google(running, folder / "key.json")
    running.stop()


@pytest.fixture
def google(_running: Google) -> Google:
    _running.running.post("/_sandbox/reset")
    _running.sign_in()
    return _running


def reason(answer: httpx.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    return answer.status_code, error["errors"][0]["reason"]


def test_the_key_is_made_once_kept_over_restarts_and_read_by_its_owner_only(tmp_path: Path) -> None:
    running = Running(data=tmp_path / "s.sqlite3", port=free_port())
    file = tmp_path / "key.json"
    keys = []
    for _ in range(2):
        running.start("--google-service-account", str(file))
        running.post("/_sandbox/reset")
        assert Google(running, file).sign_in()
        keys.append(json.loads(file.read_text())["private_key"])
        running.stop()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        file.unlink()
    assert keys[0] == keys[1]


def test_only_a_signed_timely_request_of_the_account_gets_a_token(google: Google) -> None:
    signer = service_account.Credentials.from_service_account_file(str(google.file)).signer
    uri = f"{google.running.url}/google/token"
    now = int(datetime.now(UTC).timestamp())
    good = {
        "iss": json.loads(google.file.read_text())["client_email"],
        "aud": "https://oauth2.googleapis.com/token",
        "scope": SCOPE,
        "iat": now,
        "exp": now + 600,
    }

    def ask(claims: dict[str, Any], **form: str) -> tuple[int, str]:
        body = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": jwt.encode(signer, {**good, **claims}).decode(),
            **form,
        }
        answer = web.post(uri, data=body)
        return answer.status_code, answer.json().get("error", "")

    assert ask({}) == (200, "")
    assert ask({"aud": uri}) == (200, "")
    for claims, error in (
        ({"iss": "someone@else.example"}, "invalid_grant"),
        ({"aud": "https://else.example/token"}, "invalid_grant"),
        ({"exp": now - 1, "iat": now - 700}, "invalid_grant"),
        ({"exp": now + 9999}, "invalid_grant"),
        ({"iat": now + 900}, "invalid_grant"),
        ({"scope": "https://www.googleapis.com/auth/drive"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
    ):
        assert ask(claims) == (400, error), claims
    assert ask({"sub": "boss@sandbox.example"}) == (401, "unauthorized_client")
    assert ask({}, grant_type="password") == (400, "unsupported_grant_type")
    head, body, _ = jwt.encode(signer, good).decode().split(".")
    assert ask({}, assertion=f"{head}.{body}.AAAA") == (400, "invalid_grant")
    assert ask({}, assertion="nonsense") == (400, "invalid_grant")
    with pytest.raises(RefreshError):
        google.sign_in(subject="boss@sandbox.example")


def test_a_token_is_needed_ends_after_an_hour_and_opens_its_scope_only(google: Google) -> None:
    assert google.events().status_code == 200
    assert reason(google.events(headers={"Authorization": "Bearer x"})) == (401, "authError")
    assert reason(google.events(headers={"Authorization": ""})) == (401, "required")
    google.sign_in(scopes=["https://www.googleapis.com/auth/calendar.readonly"])
    assert google.events().status_code == 200
    assert reason(google.insert()) == (403, "insufficientPermissions")
    google.running.post("/_sandbox/advance", {"seconds": 3600})
    assert reason(google.events()) == (401, "authError")


def test_an_event_is_made_read_changed_and_deleted_under_its_own_id(google: Google) -> None:
    made = google.insert(id=ID, extendedProperties={"private": {"booking_id": "b-1"}})
    assert (made.status_code, made.json()["status"]) == (200, "confirmed")
    assert made.headers["ETag"] == made.json()["etag"]
    assert google.events(f"/{ID}").json() == made.json()
    assert reason(google.insert(id=ID)) == (409, "duplicate")
    for wrong in ("abcd", "uppercaseX", "with-dash", "z" * 8, "a" * 1025):
        assert reason(google.insert(id=wrong)) == (400, "invalid"), wrong

    path, old = f"/{ID}", {"If-Match": made.json()["etag"]}
    changed = google.events(path, method="PATCH", json={"summary": "Moved"}, headers=old)
    assert changed.json()["summary"] == "Moved"
    assert changed.json()["extendedProperties"] == {"private": {"booking_id": "b-1"}}
    stale = google.events(path, method="PATCH", json={"summary": "Lost"}, headers=old)
    assert reason(stale) == (412, "conditionNotMet")
    assert reason(google.events(path, method="DELETE", headers=old)) == (412, "conditionNotMet")

    assert google.events(path, method="DELETE").status_code == 204
    assert reason(google.events(path, method="DELETE")) == (410, "deleted")
    assert google.events(path).json()["status"] == "cancelled"
    assert google.events().json()["items"] == []
    assert reason(google.insert(id=ID)) == (409, "duplicate")
    back = google.events(path, method="PATCH", json={"status": "confirmed"})
    assert back.json()["status"] == "confirmed"
    assert reason(google.events("/nothing", method="DELETE")) == (404, "notFound")
    assert google.running.ledger()["google_events"][0]["id"] == ID


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"start": None}, (400, "invalid")),
        ({"start": {"date": "2027-03-02"}}, (400, "invalid")),
        ({"start": {"dateTime": "2027-03-02T10:00:00"}}, (400, "invalid")),
        ({"start": {"dateTime": "2027-03-02T12:00:00-06:00"}}, (400, "timeRangeEmpty")),
        (
            {"start": {"dateTime": "2027-03-02T10:00:00", "timeZone": "Mars/One"}},
            (400, "invalid"),
        ),
        ({"status": "maybe"}, (400, "invalid")),
        ({"summary": 5}, (400, "invalid")),
        ({"surprise": 1}, (400, "invalid")),
        ({"attendees": [{"email": "a@b.example"}]}, (403, "forbiddenForServiceAccounts")),
        ({"extendedProperties": {"private": {"n": 1}}}, (400, "invalid")),
        ({"recurrence": ["RRULE:FREQ=YEARLY"]}, (400, "invalid")),
    ],
)
def test_what_the_contract_does_not_allow_is_refused(
    google: Google, fields: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert reason(google.insert(**fields)) == expected
    assert google.running.ledger()["google_events"] == []


def test_a_missing_time_and_an_unknown_parameter_are_refused(google: Google) -> None:
    half = {key: value for key, value in event().items() if key != "end"}
    assert reason(google.events(method="POST", json=half)) == (400, "required")
    assert reason(google.events(method="POST", data={"a": "b"})) == (400, "parseError")
    assert reason(google.events(params={"colour": "red"})) == (400, "invalid")
    assert reason(google.events(params={"timeMin": "2027-03-02T00:00:00"})) == (400, "badRequest")


def test_a_calendar_must_be_shared_and_shared_for_writing(google: Google) -> None:
    path = "/calendars/new@sandbox.example/events"
    assert reason(google.call("POST", path, json=event())) == (404, "notFound")
    google.act("calendars", calendar="new@sandbox.example", role="reader")
    assert reason(google.call("POST", path, json=event())) == (403, "requiredAccessLevel")
    assert google.call("GET", path).status_code == 200
    google.act("calendars", calendar="new@sandbox.example", role="writer")
    assert google.call("POST", path, json=event()).status_code == 200


def test_a_sync_token_brings_what_has_changed_since_and_one_day_is_too_old(google: Google) -> None:
    google.insert(id=ID)
    google.act("events", calendar=CALENDAR, id="private1", **event(hour=14))
    first = google.events(params={"singleEvents": "true", "maxResults": "1"}).json()
    assert [one["id"] for one in first["items"]] == [ID]
    assert "nextSyncToken" not in first
    last = google.events(params={"singleEvents": "true", "pageToken": first["nextPageToken"]})
    assert [one["id"] for one in last.json()["items"]] == ["private1"]
    changed, token = google.changes(last.json()["nextSyncToken"])
    assert changed == {}

    google.act("events/change", calendar=CALENDAR, id="private1", minutes=60)
    google.act("events/delete", calendar=CALENDAR, id=ID)
    changed, token = google.changes(token)
    assert changed["private1"]["start"]["dateTime"] == "2027-03-02T15:00:00-06:00"
    assert (changed[ID]["status"], "start" in changed[ID]) == ("cancelled", False)
    assert google.changes(token)[0] == {}

    both = {"syncToken": token, "singleEvents": "true", "timeMin": "2027-01-01T00:00:00Z"}
    assert reason(google.events(params=both)) == (400, "cannotUseWithSyncToken")
    assert reason(google.events(params={"syncToken": token})) == (400, "invalid")
    assert reason(google.events(params={"syncToken": "x"})) == (400, "invalid")
    google.act("expire_sync_tokens")
    old = {"syncToken": token, "singleEvents": "true"}
    assert reason(google.events(params=old)) == (410, "fullSyncRequired")
    fresh = google.events(params={"singleEvents": "true"}).json()
    assert google.changes(fresh["nextSyncToken"])[0] == {}


def test_a_recurring_event_keeps_its_local_time_and_its_instances_come_and_go(
    google: Google,
) -> None:
    weekly = event(recurrence=["RRULE:FREQ=WEEKLY;COUNT=3"])
    google.act("events", calendar=CALENDAR, id="repeated", **weekly)
    listed = google.events(params={"singleEvents": "true"}).json()
    starts = [one["start"]["dateTime"] for one in listed["items"]]
    assert starts == [
        "2027-03-02T10:00:00-06:00",
        "2027-03-09T10:00:00-06:00",
        "2027-03-16T10:00:00-05:00",
    ]
    assert {one["recurringEventId"] for one in listed["items"]} == {"repeated"}
    google.act("events/change", calendar=CALENDAR, id="repeated", minutes=30)
    changed, token = google.changes(listed["nextSyncToken"])
    assert (
        sorted(one["status"] for one in changed.values()) == ["cancelled"] * 3 + ["confirmed"] * 3
    )
    google.act("events/delete", calendar=CALENDAR, id="repeated")
    changed, _ = google.changes(token)
    assert {one["status"] for one in changed.values()} == {"cancelled"}


def test_free_busy_merges_what_is_opaque_and_names_what_it_may_not_see(google: Google) -> None:
    google.sign_in(scopes=[SCOPE, "https://www.googleapis.com/auth/calendar.readonly"])
    for name, hour, extra in (
        ("aaaaa", 10, {}),
        ("bbbbb", 11, {}),
        ("ccccc", 14, {"transparency": "transparent"}),
    ):
        google.act("events", calendar=CALENDAR, id=name, **event(hour=hour, **extra))
    asked = {
        "timeMin": "2027-03-02T00:00:00-06:00",
        "timeMax": "2027-03-03T00:00:00-06:00",
        "items": [{"id": CALENDAR}, {"id": "secret@sandbox.example"}],
    }
    found = google.call("POST", "/freeBusy", json=asked).json()["calendars"]
    assert found[CALENDAR]["busy"] == [
        {"start": "2027-03-02T16:00:00+00:00", "end": "2027-03-02T18:00:00+00:00"}
    ]
    assert found["secret@sandbox.example"]["errors"][0]["reason"] == "notFound"
    assert reason(google.call("POST", "/freeBusy", json={"items": []})) == (400, "badRequest")


def test_the_quota_and_the_faults_answer_in_googles_words(google: Google) -> None:
    google.act("limit", times=1)
    assert reason(google.insert(id=ID)) == (403, "rateLimitExceeded")
    for action, expected in (
        ("error_429", (429, "rateLimitExceeded")),
        ("error_500", (500, "backendError")),
        ("error_500_after_commit", (500, "backendError")),
    ):
        fault = {"action": action, "match": {"system": "google", "method": "POST"}}
        google.running.post("/_sandbox/faults", fault)
        assert reason(google.insert(id=ID)) == expected
    assert [one["id"] for one in google.running.ledger()["google_events"]] == [ID]
    assert reason(google.insert(id=ID)) == (409, "duplicate")


def test_the_page_shows_the_events_of_bookings_and_the_calendars(google: Google) -> None:
    known = {"private": {"booking_id": "b-1", "reference": "HMNP-1"}}
    google.insert(id=ID, extendedProperties=known)
    google.act("events", calendar=CALENDAR, id="holida1", start={"date": "2027-03-02"},
               end={"date": "2027-03-03"}, extendedProperties=known)  # fmt: skip
    page = web.get(google.running.url).text
    for part in ("Google Calendar", "HMNP-1", "02 Mar 2027 10:00", "maria.alvarez@sandbox.example"):
        assert part in page, part

"""Headers and the one shape of errors, on every route there is; keys under races and crashes."""

from __future__ import annotations

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
import yaml
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from pytest_django import Settings

from bookings.models import Booking, BookingDocument
from bookings.tests.callers import anyone, body, hold_body, partner_caller, refusal, ron_body
from bookings.tests.crowd import together
from bookings.tests.factories import NOW, a_notary
from hmnp.core.idempotency import fingerprint
from services.tests.fixtures import Catalogue
from tests.contract.test_access_matrix import ROUTES

# What is the same for everybody may be kept by caches.
PUBLIC = {"services-list", "services-detail"}
JSON = "application/json"
WITH_BODY = ("POST", "PUT", "PATCH")
KEYED = {"createBooking", "holdSlot", "openPaymentIntent", "uploadBookingDocument"}


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


class Site:
    """A partner's program with a remote booking, and every address of the API."""

    def __init__(self) -> None:
        self.caller = partner_caller()
        booked = self.caller.post("/bookings", ron_body()).json()
        self.booking_id = booked["booking"]["id"]
        self.client = Client()

    def address(self, path: str) -> str:
        """Fill a route's path: the partner's booking, and random ids of everything else."""
        filled = path.replace("\\", "")
        for name in ("booking_id", "document_id", "pk", "hold_id", "id_or_slug"):
            one = {"booking_id": self.booking_id, "id_or_slug": "ron"}.get(name, str(uuid4()))
            filled = _replace_group(filled, name, one)
        assert "(" not in filled
        return f"/api/v2/{filled}"

    def send(self, method: str, path: str, content: Any = "", **headers: str) -> Any:
        """Send as the partner, unless other credentials are given."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        media_type = headers.pop("Content-Type", JSON)
        return self.client.generic(
            method,
            self.address(path),
            content,
            content_type=media_type,
            headers={"Authorization": self.caller.authorization, **headers},
        )


def _replace_group(path: str, name: str, value: str) -> str:
    start = path.find(f"(?P<{name}>")
    return path if start < 0 else path[:start] + value + path[path.index(")", start) + 1 :]


@pytest.fixture
def site(catalogue: Catalogue) -> Site:
    a_notary(skills=["ron", "standard-notary"])
    return Site()


@pytest.mark.django_db
def test_every_answer_names_its_request_and_nothing_personal_is_kept(site: Site) -> None:
    for name, path, method in ROUTES:
        for credentials in (site.caller.authorization, "", "Bearer nonsense", "Basic eDp5"):
            sent = f"req-{uuid4()}"
            answer = site.send(method, path, Authorization=credentials, X_Request_Id=sent)
            assert answer["X-Request-Id"] == sent, name
            if answer.status_code >= 400:
                error = refusal(answer, answer.status_code, answer.json()["error"]["code"])
                assert error["requestId"] == sent
            elif name not in PUBLIC:
                assert answer["Cache-Control"] == "no-store", name
            replaced = site.send(method, path, Authorization=credentials, X_Request_Id="a b\tc<>")
            assert len(replaced["X-Request-Id"]) == 32, name


@pytest.mark.django_db
def test_a_method_not_offered_is_405_and_says_which_are(site: Site) -> None:
    offered: dict[str, set[str]] = defaultdict(set)
    for _, path, method in ROUTES:
        offered[path].add(method)
    for path, methods in offered.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - methods:
            answer = site.send(method, path)
            refusal(answer, 405, "METHOD_NOT_ALLOWED")
            assert methods <= set(answer["Allow"].split(", ")) <= methods | {"HEAD", "OPTIONS"}


@pytest.mark.django_db
def test_bodies_of_another_kind_size_or_form_are_refused_everywhere(site: Site) -> None:
    tried = 0
    for name, path, method in ROUTES:
        if method not in WITH_BODY or name == "booking-documents-list":
            continue
        tried += 1
        refusal(
            site.send(method, path, "a=b", Content_Type="text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE"
        )
        large = json.dumps({"a": "x" * 262_144})
        refusal(site.send(method, path, large), 413, "PAYLOAD_TOO_LARGE")
        for broken in ("{", "[]", '{"a": NaN}', "\x00"):
            error = refusal(site.send(method, path, broken), 400, "VALIDATION_ERROR")
            assert "field" not in error
    assert tried == 7


@pytest.mark.django_db
def test_a_bug_anywhere_is_500_in_the_one_shape(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr("hmnp.core.api.views.ApiViewSet.check_permissions", broken)
    for _, path, method in ROUTES:
        answer = site.send(method, path)
        error = refusal(answer, 500, "INTERNAL_ERROR")
        assert "details" not in error
        assert b"hunter2" not in answer.content


@pytest.mark.django_db
def test_the_document_names_every_operation_that_takes_a_key() -> None:
    document = yaml.safe_load((Path(settings.BASE_DIR) / "openapi.yaml").read_text())
    keyed = {
        operation["operationId"]
        for operations in document["paths"].values()
        for operation in operations.values()
        if any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", ()))
    }
    assert keyed == KEYED


@pytest.mark.django_db
def test_a_forged_cursor_is_refused_by_name(site: Site) -> None:
    for text in (
        f"0001-01-01T00:00:00+14:00|{uuid4().hex}",
        f"9999-12-31T23:59:59-14:00|{uuid4().hex}",
        f"2027-03-01T00:00:00|{uuid4().hex}",
        "2027-03-01T00:00:00+00:00|",
        "|",
        "\x00|\x00",
    ):
        cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        answer = site.caller.get("/bookings", {"cursor": cursor})
        assert answer.status_code in (200, 400), text
        if answer.status_code == 400:
            assert refusal(answer, 400, "VALIDATION_ERROR")["field"] == "cursor"


class TestKeyedUpload:
    """A document sent twice with one key is there once."""

    PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
    KEY = "upload-once-and-once-only"

    @pytest.fixture(autouse=True)
    def _folder(self, site: Site, settings: Settings, tmp_path: Path) -> None:
        settings.MEDIA_ROOT = str(tmp_path)

    def upload(self, site: Site, content: bytes = PDF, key: str = KEY) -> Any:
        return site.client.post(
            f"/api/v2/bookings/{site.booking_id}/documents",
            {"file": SimpleUploadedFile("deed.pdf", content)},
            headers={"Authorization": site.caller.authorization, "Idempotency-Key": key},
        )

    @pytest.mark.django_db
    def test_the_first_answer_again(self, site: Site, tmp_path: Path) -> None:
        refusal(self.upload(site, b"no pdf"), 400, "VALIDATION_ERROR")
        first, second = self.upload(site), self.upload(site)
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        assert second["Idempotent-Replayed"] == "true"
        refusal(self.upload(site, self.PDF + b"%%EOF"), 422, "IDEMPOTENCY_KEY_REUSED")
        refusal(self.upload(site, key="short"), 400, "VALIDATION_ERROR")
        assert BookingDocument.objects.count() == 1
        assert len(list(tmp_path.rglob("*.pdf"))) == 1

    @pytest.mark.django_db(transaction=True)
    def test_ten_at_once(self, site: Site, tmp_path: Path) -> None:
        crowd = together(10, lambda _: self.upload(site).status_code)
        assert crowd.errors == []
        assert crowd.results == [201] * 10
        assert BookingDocument.objects.count() == 1
        assert len(list(tmp_path.rglob("*.pdf"))) == 1


@pytest.mark.django_db(transaction=True)
class TestRaces:
    """Many at once, and servers that die half-way."""

    KEY = "one-key-for-one-booking"

    def post(self, path: str, sent: dict[str, Any]) -> Any:
        return Client().post(
            f"/api/v2/{path}", sent, content_type=JSON, headers={"Idempotency-Key": self.KEY}
        )

    def unfinished(self, path: str, sent: dict[str, Any]) -> Any:
        """Give a connection that has written a key's record and nothing yet of its effect."""
        other = connection.copy()
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(
                "INSERT INTO core_idempotencyrecord"
                " (principal, method, path, key, fingerprint, headers, secrets, created_at)"
                " VALUES ('anonymous', 'POST', %s, %s, %s, '{}', '[]', now())",
                [f"/api/v2/{path}", self.KEY, fingerprint(sent)],
            )
        return other

    @pytest.mark.parametrize(
        ("path", "sent"), [("bookings", body()), ("availability/hold", hold_body())]
    )
    def test_a_server_that_dies_between_record_and_effect_leaves_neither(
        self, catalogue: Catalogue, path: str, sent: dict[str, Any]
    ) -> None:
        """The twin waits for the dead one's end and then does the work itself."""
        a_notary()
        other = self.unfinished(path, sent)

        def twin() -> Any:
            try:
                return self.post(path, sent)
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(twin)
            with connection.cursor() as cursor:
                for _ in range(1000):
                    cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
                    if cursor.fetchone():
                        break
                else:
                    raise AssertionError("the twin never waited")
                cursor.execute(
                    "SELECT pg_terminate_backend(%s)", [other.connection.info.backend_pid]
                )
            answer = waiting.result(timeout=30)
        other.connection.close()
        assert answer.status_code == 201, answer.content
        assert "Idempotent-Replayed" not in answer.headers
        again = self.post(path, sent)
        assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
        assert again.json() == answer.json()

    def test_one_still_running_is_named_after_two_seconds(self, catalogue: Catalogue) -> None:
        a_notary()
        other = self.unfinished("bookings", body())
        try:
            answer = self.post("bookings", body())
        finally:
            other.close()
        refusal(answer, 409, "IDEMPOTENCY_IN_PROGRESS")
        assert answer["Retry-After"] == "2"
        assert not Booking.objects.exists()
        assert self.post("bookings", body()).status_code == 201

    def test_ten_changes_of_one_version_are_one(self, catalogue: Catalogue) -> None:
        a_notary()
        made = anyone().book()
        path = f"/api/v2/bookings/{made['booking']['id']}"
        headers = {"Authorization": f"Bearer {made['accessToken']}"}
        tag = Client().get(path, headers=headers)["ETag"]

        def attempt(number: int) -> int:
            answer = Client().patch(
                path,
                {"customerName": f"Ada {number}"},
                content_type=JSON,
                headers={**headers, "If-Match": tag},
            )
            return answer.status_code

        crowd = together(10, attempt)
        assert Counter(crowd.results) == {200: 1, 412: 9}
        assert Booking.objects.get().version == 2

"""The OpenAPI document: what the code generates, what is committed, and what is really answered."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import time_machine
import yaml
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from jsonschema import Draft202012Validator
from pytest_django import Settings

from bookings.models import Booking
from bookings.tests.callers import (
    API,
    Caller,
    anyone,
    body,
    customer_of,
    hold_body,
    partner_caller,
    ron_body,
    staff_caller,
)
from bookings.tests.factories import NOW, a_notary
from hmnp.dev.openapi_diff import breaking_changes
from payments.models import Payment
from services.tests.fixtures import Catalogue

COMMITTED = Path(django_settings.BASE_DIR) / "openapi.yaml"
BASELINE = Path(django_settings.BASE_DIR) / "docs" / "openapi-2.0.yaml"
_METHODS = ("get", "post", "put", "patch", "delete")


@cache
def document() -> dict[str, Any]:
    """Give the committed document, with no object allowed a name it does not describe."""
    loaded: dict[str, Any] = yaml.safe_load(COMMITTED.read_text(encoding="utf-8"))
    strict = copy.deepcopy(loaded)
    for schema in strict["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return strict


def check(answer: Any, method: str, path: str, status: int) -> Any:
    """Hold an answer against what the document says of this operation and status."""
    assert answer.status_code == status, answer.content
    described = document()["paths"][f"{API}{path}"][method]["responses"]
    assert str(status) in described, f"{method} {path} does not mention {status}"
    content = described[str(status)].get("content")
    if content is None:
        assert answer.content == b""
        return None
    media_type = answer["Content-Type"].partition(";")[0]
    schema = {**content[media_type]["schema"], "components": document()["components"]}
    found = answer.json()
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    faults = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(found)]
    assert faults == []
    return found


def test_the_committed_document_is_what_the_code_generates(tmp_path: Path) -> None:
    """Run `make openapi` when it is not; warnings and errors of the generator fail here too."""
    generated = tmp_path / "openapi.yaml"
    call_command("spectacular", "--file", str(generated), "--fail-on-warn", "--validate")
    assert generated.read_text(encoding="utf-8") == COMMITTED.read_text(encoding="utf-8")


def test_every_operation_is_named_once_and_described() -> None:
    operations = [
        operation
        for path in document()["paths"].values()
        for method, operation in path.items()
        if method in ("get", "post", "put", "patch", "delete")
    ]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names) >= 20
    assert all(operation.get("summary") for operation in operations)


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method in (name for name in _METHODS if name in methods):
            yield f"{method} {path}", methods[method]


def test_nothing_that_programs_rely_on_has_changed_since_the_last_release() -> None:
    """CONTRIBUTING.md says when and how the baseline is moved."""
    was = yaml.safe_load(BASELINE.read_text(encoding="utf-8"))
    assert breaking_changes(old=was, new=yaml.safe_load(COMMITTED.read_text())) == []


def test_every_operation_says_who_may_call_and_how_it_can_be_refused() -> None:
    schemes = set(document()["components"]["securitySchemes"])
    for where, operation in _operations():
        assert operation["security"], where
        assert {name for one in operation["security"] for name in one} <= schemes, where
        answers = operation["responses"]
        assert "500" in answers, where
        if "/webhooks/" in where:
            assert operation["security"] == [{}], where
            continue
        assert {"401", "503"} <= set(answers), where
        if "requestBody" in operation:
            assert {"400", "413", "415"} <= set(answers), where
        if {} not in operation["security"]:
            assert "403" in answers, where


def test_every_answer_describes_its_headers() -> None:
    for where, operation in _operations():
        for status, answer in operation["responses"].items():
            headers = set(answer["headers"])
            assert "X-Request-Id" in headers, (where, status)
            if status in ("429", "503"):
                assert "Retry-After" in headers, (where, status)
        if "429" in operation["responses"] and "/webhooks/" not in where:
            assert "RateLimit-Remaining" in operation["responses"]["429"]["headers"], where
        parameters = {one["name"] for one in operation.get("parameters", [])}
        if "Idempotency-Key" in parameters:
            assert "Idempotent-Replayed" in operation["responses"]["201"]["headers"], where
        if "If-Match" in parameters:
            assert "ETag" in operation["responses"]["200"]["headers"], where


def test_every_example_is_what_the_document_describes() -> None:
    tried = 0
    for where, operation in _operations():
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body_ in bodies:
            for content in body_.get("content", {}).values():
                schema = {**content["schema"], "components": document()["components"]}
                for name, example in content.get("examples", {}).items():
                    faults = list(Draft202012Validator(schema).iter_errors(example["value"]))
                    assert faults == [], (where, name)
                    tried += 1
    assert tried >= 15


def test_every_refusal_has_the_one_shape() -> None:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            if method == "parameters":
                continue
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    (content,) = response["content"].values()
                    reference = content["schema"]["$ref"]
                    assert reference == "#/components/schemas/Error", (path, method, status)


def test_no_address_of_the_api_is_left_out() -> None:
    described = set(document()["paths"])
    for path in (
        *("/services", "/services/{id_or_slug}", "/services/pricing", "/availability"),
        *("/availability/hold", "/availability/hold/{hold_id}", "/bookings"),
        *("/bookings/{booking_id}", "/bookings/{booking_id}/events"),
        "/bookings/{booking_id}/cancellation",
        *("/bookings/{booking_id}/calendar.ics", "/bookings/{booking_id}/documents"),
        *("/bookings/{booking_id}/documents/{document_id}", "/payments/intent"),
        *("/payments/confirm", "/payments/{id}", "/webhooks/stripe", "/webhooks/ghl"),
        "/webhooks/proof",
    ):
        assert f"{API}{path}" in described


class TestAnswers:
    """What is really answered is what is described."""

    PRICED = {
        "serviceId": "standard-notary",
        "scheduledDateTime": "2027-03-02T10:00:00-06:00",
        "zip": "77581",
    }

    @pytest.fixture(autouse=True)
    def _world(self, catalogue: Catalogue, settings: Settings, tmp_path: Path) -> Iterator[None]:
        settings.MEDIA_ROOT = str(tmp_path)
        a_notary(skills=["standard-notary", "ron"])
        with time_machine.travel(NOW, tick=False):
            yield

    def test_services_and_prices(self) -> None:
        caller = anyone()
        check(caller.get("/services"), "get", "/services", 200)
        for slug in ("loan-signing", "ron"):
            check(caller.get(f"/services/{slug}"), "get", "/services/{id_or_slug}", 200)
        check(caller.get("/services/none"), "get", "/services/{id_or_slug}", 404)
        path = "/services/pricing"
        check(caller.get(path, self.PRICED), "get", path, 200)
        check(caller.get(path, {}), "get", path, 400)
        check(caller.get(path, {**self.PRICED, "zip": "77450"}), "get", path, 422)
        named = {**self.PRICED, "address": body()["address"]}
        del named["zip"]
        check(caller.post(path, named), "post", path, 200)

    def test_availability_and_holds(self) -> None:
        caller = anyone()
        asked = {"serviceId": "standard-notary", "date": "2027-03-02", "zip": "77573"}
        check(caller.get("/availability", asked), "get", "/availability", 200)
        check(caller.get("/availability", {}), "get", "/availability", 400)
        path = "/availability/hold"
        held = check(caller.post(path, hold_body()), "post", path, 201)
        again = hold_body(holdToken=held["holdToken"])
        check(caller.post(path, again), "post", path, 200)
        check(caller.post(path, hold_body()), "post", path, 409)
        check(caller.post(path, {}), "post", path, 400)
        check(caller.post(path, hold_body(zip="77352")), "post", path, 422)
        check(caller.post(path, hold_body(holdToken="x")), "post", path, 404)
        one = "/availability/hold/{hold_id}"
        address = f"/availability/hold/{held['holdId']}"
        check(caller.delete(address), "delete", one, 404)
        check(caller.delete(address, X_Hold_Token=held["holdToken"]), "delete", one, 204)

    def test_a_booking_all_its_life(self) -> None:
        answer = anyone().post("/bookings", body(signers=2))
        made = check(answer, "post", "/bookings", 201)
        caller = Caller(f"Bearer {made['accessToken']}")
        one, address = "/bookings/{booking_id}", f"/bookings/{made['booking']['id']}"
        check(anyone().post("/bookings", {}), "post", "/bookings", 400)
        check(anyone().post("/bookings", body()), "post", "/bookings", 409)
        check(caller.get(address), "get", one, 200)
        check(anyone().get(address), "get", one, 401)
        check(partner_caller().get(address), "get", one, 404)
        details = {"signerDetails": [{"name": "Bo", "email": "bo@example.com"}]}
        check(caller.patch(address, details), "patch", one, 200)
        check(caller.patch(address, {"price": 1}), "patch", one, 400)
        check(caller.patch(address, {}, If_Match='"x"'), "patch", one, 412)
        whole = {
            name: body()[name]
            for name in (
                *("customerName", "customerEmail", "customerPhone"),
                *("address", "scheduledDateTime"),
            )
        }
        check(caller.put(address, whole), "put", one, 200)
        check(caller.put(address, {}), "put", one, 400)
        check(caller.get(f"{address}/events"), "get", f"{one}/events", 200)
        check(staff_caller().get(f"{address}/events"), "get", f"{one}/events", 200)
        preview = f"{one}/cancellation"
        check(caller.get(f"{address}/cancellation"), "get", preview, 200)
        payment = Payment.objects.get()
        paid = "/payments/{id}"
        check(caller.get(f"/payments/{payment.pk}"), "get", paid, 200)
        check(partner_caller().get(f"/payments/{payment.pk}"), "get", paid, 404)
        check(caller.delete(f"{address}?reason=ill"), "delete", one, 200)
        check(caller.get(address), "get", one, 200)
        check(caller.get(f"{address}/cancellation"), "get", preview, 409)
        Booking.objects.update(status="COMPLETED")
        check(caller.delete(address), "delete", one, 409)

    def test_lists(self) -> None:
        caller = staff_caller()
        caller.book()
        caller.book(scheduledDateTime="2027-03-02T14:00:00-06:00")
        check(caller.get("/bookings", {"limit": 1}), "get", "/bookings", 200)
        check(caller.get("/bookings", {"limit": 0}), "get", "/bookings", 400)
        check(anyone().get("/bookings"), "get", "/bookings", 401)

    def test_documents(self) -> None:
        made = anyone().post("/bookings", ron_body()).json()
        booking_id = made["booking"]["id"]
        caller = customer_of(booking_id)
        path = "/bookings/{booking_id}/documents"
        address = f"/bookings/{booking_id}/documents"

        def send(content: bytes) -> Any:
            return Client().post(
                f"{API}{address}",
                {"file": SimpleUploadedFile("deed.pdf", content)},
                headers={"Authorization": caller.authorization},
            )

        kept = check(send(b"%PDF-1.7\n%%EOF"), "post", path, 201)
        check(send(b"no"), "post", path, 400)
        check(caller.get(address), "get", path, 200)
        one = f"{path}/{{document_id}}"
        check(caller.delete(f"{address}/{kept['documentId']}"), "delete", one, 204)
        check(caller.delete(f"{address}/{kept['documentId']}"), "delete", one, 404)

    def test_the_document_and_its_reader_are_served_without_outside_assets(self) -> None:
        served = Client().get(f"{API}/schema")
        assert served.status_code == 200
        assert yaml.safe_load(served.content) == yaml.safe_load(COMMITTED.read_text())
        reader = Client().get(f"{API}/docs")
        assert reader.status_code == 200
        for outside in (b"//cdn", b"https://unpkg", b"jsdelivr"):
            assert outside not in reader.content

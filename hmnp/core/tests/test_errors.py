"""One shape for every error, whatever raised it and wherever."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from django.test import Client
from django_ratelimit.exceptions import Ratelimited
from psycopg.errors import LockNotAvailable, QueryCanceled
from rest_framework import exceptions as drf

from hmnp.core import errors
from hmnp.core.api.errors import as_domain_error, error_body, flatten

SHAPE = {"code", "message", "requestId", "timestamp"}


def error_of(answer: Any, *, status: int, code: str) -> dict[str, Any]:
    """Give the error of an answer after checking what all errors share."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"].startswith("application/json")
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert set(error) >= SHAPE
    assert set(error) <= SHAPE | {"field", "details"}
    assert error["code"] == code
    assert error["message"]
    assert error["requestId"] == answer["X-Request-Id"]
    assert datetime.fromisoformat(error["timestamp"]).tzinfo is not None
    return error


def by_database(cause: Exception) -> OperationalError:
    error = OperationalError("refused")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("exception", "status", "code"),
    [
        (errors.InvalidSignature(), 400, "INVALID_SIGNATURE"),
        (drf.ParseError("bad"), 400, "VALIDATION_ERROR"),
        (drf.ValidationError({"a": ["no"]}), 400, "VALIDATION_ERROR"),
        (SuspiciousOperation(), 400, "VALIDATION_ERROR"),
        (drf.NotAuthenticated(), 401, "UNAUTHENTICATED"),
        (drf.AuthenticationFailed(), 401, "UNAUTHENTICATED"),
        (drf.PermissionDenied(), 403, "FORBIDDEN"),
        (PermissionDenied(), 403, "FORBIDDEN"),
        (drf.NotFound(), 404, "NOT_FOUND"),
        (Http404(), 404, "NOT_FOUND"),
        (drf.MethodNotAllowed("PUT"), 405, "METHOD_NOT_ALLOWED"),
        (drf.UnsupportedMediaType("text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (RequestDataTooBig(), 413, "PAYLOAD_TOO_LARGE"),
        (Ratelimited(), 429, "RATE_LIMITED"),
        (drf.Throttled(), 429, "RATE_LIMITED"),
        (by_database(LockNotAvailable()), 503, "SERVICE_UNAVAILABLE"),
        (by_database(QueryCanceled()), 503, "SERVICE_UNAVAILABLE"),
        (OperationalError("gone"), 500, "INTERNAL_ERROR"),
        (ValueError("a secret"), 500, "INTERNAL_ERROR"),
    ],
)
def test_every_exception_has_its_code(exception: Exception, status: int, code: str) -> None:
    error = as_domain_error(exception)
    assert (error.status, error.code) == (status, code)
    assert "secret" not in json.dumps(error_body(error))


def test_what_may_be_tried_again_says_when() -> None:
    assert as_domain_error(by_database(LockNotAvailable())).retry_after
    assert as_domain_error(drf.Throttled()).retry_after


def test_nested_faults_become_dotted_paths() -> None:
    detail = drf.ValidationError(
        {
            "address": {"zip": ["Wrong."]},
            "signerDetails": [{}, {"email": ["No."]}],
            "non_field_errors": ["Both."],
        }
    ).detail
    assert [(fault.field, fault.message) for fault in flatten(detail)] == [
        ("address.zip", "Wrong."),
        ("signerDetails.1.email", "No."),
        (None, "Both."),
    ]


class TestOverHttp:
    """The errors no view of ours raises itself."""

    def test_an_unknown_address_under_the_api_is_json(self, client: Client) -> None:
        error_of(client.get("/api/v2/unknown"), status=404, code="NOT_FOUND")
        error_of(client.get("/api/v2/bookings/"), status=404, code="NOT_FOUND")

    def test_elsewhere_it_is_a_page(self, client: Client) -> None:
        answer = client.get("/unknown")
        assert answer.status_code == 404
        assert answer["Content-Type"].startswith("text/html")

    def test_a_method_nobody_offers_is_405(self, client: Client) -> None:
        error_of(client.put("/api/v2/services"), status=405, code="METHOD_NOT_ALLOWED")
        error_of(client.get("/api/v2/availability/hold"), status=405, code="METHOD_NOT_ALLOWED")

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"[]",
            b'"text"',
            b"null",
            b'{"a": NaN}',
            b"\xff\xfe",
            b'{"a": "\\ud800"}',
            b"[" * 100_000,
        ],
    )
    def test_a_body_that_is_no_json_object_is_400_without_a_field(
        self, client: Client, body: bytes
    ) -> None:
        answer = client.post("/api/v2/bookings", body, content_type="application/json")
        error = error_of(answer, status=400, code="VALIDATION_ERROR")
        assert "field" not in error

    def test_another_media_type_is_415(self, client: Client) -> None:
        for media_type in ("text/plain", "application/x-www-form-urlencoded", "text/xml"):
            answer = client.post("/api/v2/bookings", "a=b", content_type=media_type)
            error_of(answer, status=415, code="UNSUPPORTED_MEDIA_TYPE")

    def test_a_body_over_256_kib_is_413(self, client: Client) -> None:
        body = json.dumps({"specialInstructions": "x" * 262_144})
        answer = client.post("/api/v2/bookings", body, content_type="application/json")
        error_of(answer, status=413, code="PAYLOAD_TOO_LARGE")

    def test_no_credentials_are_401_and_say_how_to_prove_oneself(self, client: Client) -> None:
        answer = client.get("/api/v2/bookings")
        error_of(answer, status=401, code="UNAUTHENTICATED")
        assert "Bearer" in answer["WWW-Authenticate"]

    @pytest.mark.django_db
    def test_another_accept_header_is_answered_in_json_all_the_same(self, client: Client) -> None:
        answer = client.get("/api/v2/services", headers={"Accept": "text/html"})
        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/json"

    def test_a_bad_host_is_400(self, client: Client) -> None:
        answer = client.get("/api/v2/services", headers={"Host": "evil.example"})
        error_of(answer, status=400, code="VALIDATION_ERROR")


@pytest.mark.django_db
class TestServerError:
    """A bug of ours: plain words, no trace, and found in the log by its id."""

    @pytest.fixture(autouse=True)
    def _bug(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(**_: object) -> None:
            raise RuntimeError("hunter2")

        monkeypatch.setattr("services.api.viewsets.active_services_answer", broken)

    def test_it_is_500_without_a_stack_trace(self, client: Client) -> None:
        client.raise_request_exception = False
        answer = client.get("/api/v2/services")
        error = error_of(answer, status=500, code="INTERNAL_ERROR")
        assert "details" not in error
        assert b"hunter2" not in answer.content
        assert b"Traceback" not in answer.content

    def test_it_is_logged(self, client: Client, caplog: pytest.LogCaptureFixture) -> None:
        client.get("/api/v2/services")
        assert any("hunter2" in str(record.exc_info) for record in caplog.records)


@pytest.mark.django_db
def test_a_crash_outside_the_api_is_a_plain_page(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr("hmnp.desk.site.may_enter", broken)
    client.raise_request_exception = False
    answer = client.get("/admin/")
    assert answer.status_code == 500
    assert answer["Content-Type"].startswith("text/html")
    assert b"hunter2" not in answer.content

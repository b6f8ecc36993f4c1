"""One id for a request, on its answer, its errors and its log lines."""

from __future__ import annotations

import json
import logging
import re

import pytest
from django.test import Client

from hmnp.core.logs import json_formatter
from hmnp.core.request_id import current_request_id, working_on


@pytest.mark.parametrize("sent", ["abcdefgh", "a1-B2_c3.d4", "x" * 64])
def test_a_sane_id_is_echoed(client: Client, sent: str) -> None:
    answer = client.get("/healthz", headers={"X-Request-Id": sent})
    assert answer["X-Request-Id"] == sent


@pytest.mark.parametrize("sent", ["", "short", "x" * 65, "has spaces in it", "<script>alert(1)"])
def test_any_other_is_replaced(client: Client, sent: str) -> None:
    answer = client.get("/healthz", headers={"X-Request-Id": sent})
    assert re.fullmatch(r"[0-9a-f]{32}", answer["X-Request-Id"])


def test_an_error_names_the_id_of_its_answer(client: Client) -> None:
    answer = client.get("/api/v2/nothing-here", headers={"X-Request-Id": "find-me-again"})
    assert answer.json()["error"]["requestId"] == "find-me-again"
    assert answer["X-Request-Id"] == "find-me-again"


def test_two_requests_never_share_one(client: Client) -> None:
    assert client.get("/healthz")["X-Request-Id"] != client.get("/healthz")["X-Request-Id"]
    assert current_request_id() == ""


def test_a_job_logs_under_the_request_that_asked_for_it() -> None:
    record = logging.LogRecord("a", logging.INFO, __file__, 1, "did %s", ("it",), None)
    record.booking_id = "B1"
    record.customer_email = "ada@example.com"
    with working_on("the-request"):
        line = json.loads(json_formatter().format(record))
    assert line["request_id"] == "the-request"
    assert line["event"] == "did it"
    assert line["booking_id"] == "B1"
    assert "ada@example.com" not in json.dumps(line)
    assert "request_id" not in json.loads(json_formatter().format(record))

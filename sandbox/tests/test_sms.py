"""Texts sent by Twilio's form end in the ledger, and their fate is called back, signed."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from sandbox.tests.driving import Running, wait_for, web
from sandbox.tests.test_mail import send as send_mail
from sandbox.twilio.callbacks import sign
from sandbox.twilio.segments import count_segments

ACCOUNT = ("ACsandbox", "twilio_sandbox")
PATH = "/twilio/2010-04-01/Accounts/ACsandbox/Messages.json"
SMS = {"To": "+17135550199", "From": "+17135550142", "Body": "You are booked. Ref HM-2B3C4D"}
OTHER = "+17135550198"


def send(
    sandbox: Running, auth: tuple[str, str] = ACCOUNT, **changes: str | None
) -> httpx.Response:
    form = {name: value for name, value in {**SMS, **changes}.items() if value is not None}
    return web.post(sandbox.url + PATH, data=form, auth=auth)


def listed(sandbox: Running, **query: str) -> list[str]:
    answer = web.get(sandbox.url + PATH, params=query, auth=ACCOUNT)
    assert answer.status_code == 200, answer.text
    return [message["sid"] for message in answer.json()["messages"]]


def test_a_text_is_queued_then_sent_then_delivered(sandbox: Running) -> None:
    sandbox.post("/_sandbox/sms/pace", {"seconds": 0})
    answer = send(sandbox)
    assert answer.status_code == 201
    message = answer.json()
    assert message["sid"].startswith("SM")
    assert (message["status"], message["date_sent"]) == ("queued", None)
    assert message["uri"].endswith(f"/Messages/{message['sid']}.json")

    def read() -> dict[str, Any]:
        found: dict[str, Any] = web.get(
            f"{sandbox.url}/twilio{message['uri']}", auth=ACCOUNT
        ).json()
        return found

    wait_for(lambda: read()["status"] == "delivered")
    assert read()["date_sent"]
    assert "<h3>HM-2B3C4D</h3>" in web.get(sandbox.url + "/").text
    send_mail(sandbox, Metadata={"booking_id": "b-1", "reference": "HM-2B3C4D"})
    page = web.get(sandbox.url + "/").text
    assert "<h3>HM-2B3C4D · booking b-1</h3>" in page
    assert "<h3>HM-2B3C4D</h3>" not in page


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"To": "12345"}, 400, 21211),
        ({"To": "+1713555"}, 400, 21211),
        ({"To": "+15005550001"}, 400, 21211),
        ({"To": "+15005550004"}, 400, 21610),
        ({"To": OTHER}, 400, 21610),
        ({"To": None}, 400, 21604),
        ({"From": None}, 400, 21603),
        ({"From": "+17135550143"}, 400, 21606),
        ({"Body": None}, 400, 21602),
        ({"Body": "x" * 1601}, 400, 21617),
        ({"StatusCallback": "https://elsewhere.example/hook"}, 400, 21609),
        ({"from": "+17135550142"}, 400, 20001),
        ({"auth": ("ACsandbox", "wrong")}, 401, 20003),
        ({"auth": ("ACother", "twilio_sandbox")}, 401, 20003),
    ],
)
def test_it_refuses_as_twilio_does(
    sandbox: Running, changes: dict[str, Any], status: int, code: int
) -> None:
    sandbox.post("/_sandbox/sms/opt_out", {"number": OTHER})
    answer = send(sandbox, **changes)
    assert answer.status_code == status
    error = answer.json()
    assert (error["code"], error["status"]) == (code, status)
    assert error["message"]
    assert sandbox.ledger()["sms"] == []


def test_texts_are_listed_newest_first_by_number_and_day(sandbox: Running) -> None:
    first, second, other = (
        send(sandbox, To=to).json()["sid"] for to in (SMS["To"], SMS["To"], OTHER)
    )
    assert listed(sandbox, To=SMS["To"]) == [second, first]
    assert listed(sandbox) == [other, second, first]
    assert listed(sandbox, PageSize="1", Page="1") == [second]
    wait_for(lambda: len(listed(sandbox, **{"DateSent>": "2026-01-01T00:00:00Z"})) == 3)
    assert listed(sandbox, **{"DateSent<": "2026-01-01"}) == []
    unknown = web.get(sandbox.url + PATH, params={"Status": "sent"}, auth=ACCOUNT)
    assert unknown.json()["code"] == 20001
    missing = web.get(f"{sandbox.url}{PATH.replace('.json', '/SMnone.json')}", auth=ACCOUNT)
    assert (missing.status_code, missing.json()["code"]) == (404, 20404)


@pytest.mark.parametrize(
    ("action", "status", "kept"),
    [("error_500", 500, 0), ("error_500_after_commit", 500, 1), ("error_429", 429, 0)],
)
def test_a_text_can_fail_too(sandbox: Running, action: str, status: int, kept: int) -> None:
    sandbox.post("/_sandbox/faults", {"action": action, "match": {"system": "twilio"}})
    answer = send(sandbox)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert len(listed(sandbox)) == kept


@pytest.fixture
def caught() -> Iterator[list[tuple[str, dict[str, str], str]]]:
    """Signed callbacks as they arrive; the first item is the address to send them to."""
    box: list[tuple[str, dict[str, str], str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            box.append((self.path, dict(parse_qsl(body)), self.headers["X-Twilio-Signature"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    box.append((f"http://127.0.0.1:{server.server_address[1]}/hook?job=7", {}, ""))
    yield box
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("fate", "statuses", "code"),
    [
        ("delivered", ["sent", "delivered"], None),
        ("undelivered", ["sent", "undelivered"], "30003"),
        ("failed", ["failed"], "30003"),
    ],
)
def test_its_fate_is_called_back_signed(
    sandbox: Running, caught: Any, fate: str, statuses: list[str], code: str | None
) -> None:
    url = caught.pop()[0]
    sandbox.post("/_sandbox/sms/pace", {"seconds": 0})
    sandbox.post("/_sandbox/sms/fail", {"number": SMS["To"], "status": fate})
    sid = send(sandbox, StatusCallback=url).json()["sid"]
    wait_for(lambda: len(caught) == len(statuses))
    assert [form["MessageStatus"] for _, form, _ in caught] == statuses
    path, form, signature = caught[-1]
    assert (path, form["MessageSid"], form.get("ErrorCode")) == ("/hook?job=7", sid, code)
    assert signature == sign(url=url, form=form, token="twilio_sandbox")


def test_the_signature_is_the_one_of_twilios_own_example() -> None:
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
        "Caller": "+14158675309",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert sign(url=url, form=form, token="12345") == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize(
    ("text", "parts"),
    [("x" * 160, 1), ("x" * 161, 2), ("€" * 80, 1), ("€" * 81, 2), ("–" * 70, 1), ("–" * 71, 2)],
)
def test_parts_are_counted_by_alphabet(text: str, parts: int) -> None:
    assert count_segments(text) == parts

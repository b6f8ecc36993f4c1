"""Mail sent through anymail's own Postmark backend ends in the ledger."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import textwrap
import threading
from typing import Any

import httpx
import pytest

from sandbox.tests.driving import ROOT, Running, wait_for, web

TOKEN = {"X-Postmark-Server-Token": "postmark_sandbox"}
MAIL: dict[str, Any] = {
    "From": "HMNP <hello@hmnp.example>",
    "To": "Ann Lee <ann@example.com>",
    "Subject": "Confirmed",
    "TextBody": "See you.",
    "Metadata": {"booking_id": "b-1"},
}


def send(sandbox: Running, **changes: Any) -> httpx.Response:
    body = {name: value for name, value in {**MAIL, **changes}.items() if value is not None}
    return web.post(f"{sandbox.url}/postmark/email", json=body, headers=TOKEN)


def mails(sandbox: Running, **query: str) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = web.get(f"{sandbox.url}/_sandbox/mails", params=query).json()[
        "data"
    ]
    return result


# Another process, since this suite's own settings must not change.
_SEND = """
import json, sys
from django.conf import settings
settings.configure(
    EMAIL_BACKEND="anymail.backends.postmark.EmailBackend",
    ANYMAIL={"POSTMARK_SERVER_TOKEN": sys.argv[2], "POSTMARK_API_URL": sys.argv[1]},
)
import django
django.setup()
from anymail.exceptions import AnymailError
from anymail.message import AnymailMessage
message = AnymailMessage(
    subject="Confirmed: HMNP-1", body="See you.", from_email="HMNP <hello@hmnp.example>",
    to=["Ann Lee <ann@example.com>"], reply_to=["desk@hmnp.example"],
    headers={"X-Job": "job-1"}, tags=["confirmation"], metadata={"booking_id": "b-1"},
)
message.attach_alternative("<p>See you.</p>", "text/html")
message.attach("visit.ics", "BEGIN:VCALENDAR\\r\\nEND:VCALENDAR\\r\\n", "text/calendar")
try:
    message.send()
except AnymailError as error:
    print(json.dumps({"refused": str(error)}))
else:
    status = message.anymail_status
    print(json.dumps({"id": status.message_id, "status": sorted(status.status)}))
"""


def send_by_anymail(sandbox: Running, token: str = "postmark_sandbox") -> str:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_SEND), f"{sandbox.url}/postmark/", token],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_anymail_sends_and_everything_is_kept(sandbox: Running) -> None:
    printed = send_by_anymail(sandbox)
    assert '"status": ["sent"]' in printed
    (mail,) = mails(sandbox)
    assert mail["id"] in printed
    assert (mail["subject"], mail["text"]) == ("Confirmed: HMNP-1", "See you.")
    assert mail["html"] == "<p>See you.</p>"
    assert (mail["to"], mail["reply_to"]) == (["ann@example.com"], "desk@hmnp.example")
    assert (mail["metadata"], mail["tag"]) == ({"booking_id": "b-1"}, "confirmation")
    assert mail["headers"] == {"X-Job": "job-1"}
    assert [item["name"] for item in mail["attachments"]] == ["visit.ics"]
    calendar = web.get(sandbox.url + mail["attachments"][0]["url"])
    assert calendar.content == b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
    assert calendar.headers["Content-Type"].startswith("text/calendar")
    assert sandbox.ledger()["mails"] == [mail]


def test_anymail_raises_on_a_wrong_token(sandbox: Running) -> None:
    assert "401" in send_by_anymail(sandbox, token="wrong")
    assert mails(sandbox) == []


@pytest.mark.parametrize("headers", [{}, {"X-Postmark-Server-Token": "x"}])
def test_without_the_right_token_it_answers_401(sandbox: Running, headers: dict[str, str]) -> None:
    answer = web.post(f"{sandbox.url}/postmark/email", json=MAIL, headers=headers)
    assert (answer.status_code, answer.json()["ErrorCode"]) == (401, 10)
    assert mails(sandbox) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"From": None}, "Invalid 'From' address"),
        ({"To": None}, "Zero recipients"),
        ({"To": "ann"}, "Invalid 'To' address: 'ann'"),
        ({"Cc": "x@nowhere"}, "Invalid 'Cc' address"),
        ({"TextBody": None}, "TextBody or HtmlBody"),
        ({"Metadata": {"k" * 21: "v"}}, "longer than 20"),
        ({"Metadata": {"k": "v" * 81}}, "longer than 80"),
        ({"Metadata": {"k": 1}}, "not a string"),
        ({"Metadata": {str(n): "v" for n in range(11)}}, "more than 10"),
        ({"To": ",".join(f"a{n}@example.com" for n in range(51))}, "at most 50"),
        ({"Attachments": [{"Name": "a.exe", "Content": "", "ContentType": "x/y"}]}, "forbidden"),
        ({"Attachments": [{"Name": "a.pdf", "Content": "§", "ContentType": "x/y"}]}, "not base64"),
    ],
)
def test_it_refuses_what_postmark_refuses(
    sandbox: Running, changes: dict[str, Any], words: str
) -> None:
    answer = send(sandbox, **changes)
    assert (answer.status_code, answer.json()["ErrorCode"]) == (422, 300)
    assert words in answer.json()["Message"]
    assert mails(sandbox) == []


def test_broken_json_is_422(sandbox: Running) -> None:
    answer = web.post(
        f"{sandbox.url}/postmark/email",
        content=b"{",
        headers={**TOKEN, "Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["ErrorCode"]) == (422, 402)


def test_a_batch_answers_for_each_message(sandbox: Running) -> None:
    answer = web.post(
        f"{sandbox.url}/postmark/email/batch", json=[MAIL, {**MAIL, "To": "x"}], headers=TOKEN
    )
    assert [each["ErrorCode"] for each in answer.json()] == [0, 300]
    assert len(mails(sandbox)) == 1


def test_a_dead_address_is_refused_and_a_living_one_beside_it_served(sandbox: Running) -> None:
    sandbox.post("/_sandbox/mails/inactive", {"address": "Gone@example.com"})
    alone = send(sandbox, To="gone@example.com")
    assert (alone.status_code, alone.json()["ErrorCode"]) == (422, 406)
    both = send(sandbox, To="gone@example.com, ann@example.com").json()
    assert both["ErrorCode"] == 0
    assert "will not deliver" in both["Message"]


def test_mails_are_listed_newest_first_by_recipient_time_subject_and_booking(
    sandbox: Running,
) -> None:
    send(sandbox, Subject="One")
    sandbox.post("/_sandbox/advance", {"seconds": 100})
    send(sandbox, Subject="Two", To="bob@example.com", Cc="ann@example.com")
    send(sandbox, Subject="Three", To="bob@example.com", Metadata={"booking_id": "b-2"})
    assert [mail["subject"] for mail in mails(sandbox)] == ["Three", "Two", "One"]
    assert [mail["subject"] for mail in mails(sandbox, to="ANN@example.com")] == ["Two", "One"]
    since = str(mails(sandbox)[-1]["at"] + 1)
    assert len(mails(sandbox, since=since)) == 2
    assert len(mails(sandbox, since=mails(sandbox)[1]["at_iso"])) == 2
    assert len(mails(sandbox, subject="thr")) == 1
    assert len(mails(sandbox, booking_id="b-2")) == 1
    assert web.get(f"{sandbox.url}/_sandbox/mails?since=noon").status_code == 400


def test_a_mail_is_shown_as_page_text_or_json_and_runs_nothing(sandbox: Running) -> None:
    sent = send(sandbox, HtmlBody="<h1>Hi</h1><script>alert(1)</script>").json()["MessageID"]
    url = f"{sandbox.url}/_sandbox/mails/{sent}"
    page = web.get(url, headers={"Accept": "text/html"})
    assert "<h1>Hi</h1>" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert web.get(url + "?as=text", headers={"Accept": "text/html"}).text == "See you."
    assert web.get(url, headers={"Accept": "application/json"}).json()["id"] == sent
    assert web.get(url + "/attachments/0").status_code == 404
    assert web.get(f"{sandbox.url}/_sandbox/mails/none").status_code == 404


@pytest.mark.parametrize(
    ("action", "status", "kept"),
    [("error_500", 500, 0), ("error_500_after_commit", 500, 1), ("error_429", 429, 0)],
)
def test_mail_can_fail_too(sandbox: Running, action: str, status: int, kept: int) -> None:
    sandbox.post("/_sandbox/faults", {"action": action, "match": {"system": "postmark"}})
    assert send(sandbox).status_code == status
    assert len(mails(sandbox)) == kept


class _Listener(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        HEARD.append((self.headers["Authorization"], body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


HEARD: list[tuple[str, dict[str, Any]]] = []


@pytest.mark.parametrize(
    ("kind", "record", "status_after"),
    [("HardBounce", "Bounce", 422), ("Transient", "Bounce", 200),
     ("SpamComplaint", "SpamComplaint", 422)],
)  # fmt: skip
def test_a_mail_may_come_back_and_its_webhook_is_told(
    sandbox: Running, kind: str, record: str, status_after: int
) -> None:
    HEARD.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Listener)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/anymail/postmark/tracking/"
    sandbox.post("/_sandbox/postmark/webhook_endpoints", {"url": url, "secret": "user:pass"})
    sandbox.post("/_sandbox/mails/bounce", {"address": "ann@example.com", "type": kind})
    sent = send(sandbox)
    assert sent.status_code == 200
    wait_for(lambda: HEARD)
    server.shutdown()
    server.server_close()
    authorization, event = HEARD[0]
    assert authorization == "Basic dXNlcjpwYXNz"
    assert (event["RecordType"], event["Type"]) == (record, kind)
    assert event["MessageID"] == sent.json()["MessageID"]
    assert event["Metadata"] == {"booking_id": "b-1"}
    assert send(sandbox).status_code == status_after


def test_an_accepted_mail_survives_a_kill(own_sandbox: Running) -> None:
    sent = send(own_sandbox).json()["MessageID"]
    own_sandbox.kill()
    own_sandbox.start()
    assert [mail["id"] for mail in mails(own_sandbox)] == [sent]

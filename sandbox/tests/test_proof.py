"""Proof as the sandbox plays it: strict, stateful, and telling of everything it does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from sandbox.tests.driving import Running, wait_for, web

PDF = b"%PDF-1.7\n%%EOF\n"
ADA = {"email": "ada@example.com", "first_name": "Ada", "last_name": "Signer"}
BEN = {"email": "ben@example.com", "first_name": "Ben", "last_name": "Signer"}


class Client:
    """Proof's API with our key."""

    def __init__(self, running: Running) -> None:
        self.running = running

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        headers = {"ApiKey": "prf_test_sandbox"} | more.pop("headers", {})
        url = f"{self.running.url}/proof{path}"
        return web.request(method, url, json=body, headers=headers, **more)

    def good(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.call(method, path, body, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def draft(self, **fields: Any) -> dict[str, Any]:
        body = {"draft": True, "external_id": "b-1", "signers": [ADA], **fields}
        made: dict[str, Any] = self.good("POST", "/v1/transactions", body)
        return made

    def sent(self, **fields: Any) -> str:
        """Give a transaction that waits for its signers."""
        name = str(self.draft(**fields)["id"])
        self.good("POST", f"/v1/transactions/{name}/documents", document())
        wait_for(lambda: self.states(name) == ["done"])
        self.good("POST", f"/v1/transactions/{name}/notarization_ready")
        return name

    def states(self, name: str) -> list[str]:
        found = self.good("GET", f"/v1/transactions/{name}")["documents"]
        return [one["processing_state"] for one in found]

    def status(self, name: str) -> str:
        return str(self.good("GET", f"/v1/transactions/{name}")["detailed_status"])

    def play(self, name: str, step: str, **wish: Any) -> Any:
        return self.running.post(f"/_sandbox/proof/transactions/{name}/{step}", wish)

    def told(self, name: str) -> list[str]:
        return [
            one["event"].removeprefix("transaction.")
            for one in self.running.ledger()["proof_events"]
            if one["data"]["transaction_id"] == name
        ]


def document(content: bytes = PDF, **fields: Any) -> dict[str, Any]:
    return {"resource": base64.b64encode(content).decode(), "filename": "deed.pdf", **fields}


@pytest.fixture
def proof(sandbox: Running) -> Client:
    return Client(sandbox)


def test_a_transaction_goes_from_draft_to_record(proof: Client) -> None:
    name = proof.sent(signers=[ADA, BEN])
    found = proof.good("GET", f"/v1/transactions/{name}")
    assert (found["status"], found["detailed_status"]) == ("sent", "sent_to_signer")
    links = {one["transaction_access_link"] for one in found["signers"]}
    assert len(links) == 2
    assert all(web.get(link).status_code == 200 for link in links)
    proof.play(name, "view")
    proof.play(name, "start")
    proof.play(name, "sign", signer=found["signers"][0]["signer_id"])
    assert proof.status(name) == "partially_complete"
    proof.play(name, "sign", signer=found["signers"][1]["signer_id"])
    assert proof.status(name) == "complete"
    wait_for(lambda: "released" in proof.told(name))
    done = proof.good("GET", f"/v1/transactions/{name}")
    assert done["documents"][0]["final_document_url"]
    record = proof.good("GET", f"/v1/notarization_records/{done['notarization_record']}")
    assert record["video_url"]
    video = f"/v1/notarization_records/{record['id']}/assets/video"
    assert proof.good("GET", video)["size"]
    assert proof.told(name) == [
        "created", "document.upload", "document.processed", "sent_to_signer",
        "meeting.requested", "signer.kba_passed", "meeting.created", "partially_completed",
        "completed", "released", "meeting.video.processed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"draft": True}, 422, "Need at least 1 signer"),
        ({"draft": True, "signers": []}, 422, "Need at least 1 signer"),
        ({"draft": True, "signers": [ADA], "signer": ADA}, 400, "not both"),
        ({"draft": True, "signers": [ADA, ADA]}, 422, "unique"),
        ({"draft": True, "signers": [{"email": "nonsense"}]}, 422, "email"),
        ({"draft": True, "signers": [ADA | {"phone_number": "713 555"}]}, 422, "phone_number"),
        ({"draft": True, "signers": [ADA | {"first_name": "x" * 31}]}, 422, "too long"),
        ({"draft": True, "signers": [ADA | {"name": "Ada"}]}, 400, "Unknown parameter in signer"),
        ({"draft": True, "signers": [ADA], "externalId": "b"}, 400, "Unknown parameter"),
        ({"draft": True, "signers": [ADA], "expiry": "tomorrow"}, 400, "ISO-8601"),
        ({"draft": True, "signers": [ADA], "expiry": "2027-01-01T10:00"}, 400, "offset"),
        ({"draft": True, "signers": [ADA], "payer": "nobody"}, 422, "payer"),
        ({"signers": [ADA]}, 400, "not_played"),
    ],
)
def test_it_is_strict_about_what_it_is_sent(
    proof: Client, body: dict[str, Any], status: int, says: str
) -> None:
    answer = proof.call("POST", "/v1/transactions", body)
    assert answer.status_code == status
    assert says in answer.json()["errors"][0]
    assert proof.running.ledger()["proof_transactions"] == []


def test_the_key_is_asked_for(proof: Client) -> None:
    answer = proof.call("GET", "/v1/transactions", headers={"ApiKey": "prf_wrong"})
    assert (answer.status_code, answer.json()) == (401, {"errors": ["Not authenticated"]})


def test_documents_are_pdfs_of_a_draft_and_ready_after_a_moment(proof: Client) -> None:
    name = proof.draft()["id"]
    path = f"/v1/transactions/{name}"
    assert proof.call("POST", f"{path}/documents", document(b"no pdf")).status_code == 422
    assert proof.call("POST", f"{path}/documents", {"resource": "?"}).status_code == 400
    early = proof.call("POST", f"{path}/notarization_ready")
    assert (early.status_code, early.json()) == (403, {"errors": ["Transaction has no documents"]})
    proof.running.post("/_sandbox/proof", {"processing_seconds": 30})
    proof.good("POST", f"{path}/documents", document())
    assert proof.states(name) == ["pending"]
    assert proof.call("POST", f"{path}/notarization_ready").status_code == 403
    proof.running.post("/_sandbox/advance", {"seconds": 31})
    assert proof.states(name) == ["done"]
    proof.good("POST", f"{path}/notarization_ready")
    assert proof.call("POST", f"{path}/documents", document()).status_code == 422
    kept = proof.running.ledger()["proof_transactions"][0]["documents"][0]
    assert kept["sha256"] == hashlib.sha256(PDF).hexdigest()


def test_only_a_draft_is_edited_only_a_sent_one_recalled_only_an_incomplete_one_deleted(
    proof: Client,
) -> None:
    draft = proof.draft()["id"]
    edited = proof.good("PATCH", f"/v1/transactions/{draft}", {"signers": [ADA, BEN]})
    assert [one["email"] for one in edited["signers"]] == [ADA["email"], BEN["email"]]
    assert proof.call("POST", f"/v1/transactions/{draft}/recall").status_code == 422
    proof.good("DELETE", f"/v1/transactions/{draft}")
    gone = proof.call("GET", f"/v1/transactions/{draft}")
    assert (gone.status_code, gone.json()) == (404, {"errors": ["Transaction Not Found"]})
    sent = proof.sent()
    assert proof.call("PATCH", f"/v1/transactions/{sent}", {"payer": "sender"}).status_code == 403
    proof.play(sent, "start")
    assert proof.call("POST", f"/v1/transactions/{sent}/recall").status_code == 422
    proof.play(sent, "fail_meeting")
    proof.good("POST", f"/v1/transactions/{sent}/recall", params={"recall_reason": "cancelled"})
    assert proof.status(sent) == "recalled"
    assert web.get(f"{proof.running.url}/proof/sign/{sent}/x").status_code == 404
    done = proof.sent()
    proof.play(done, "start")
    proof.play(done, "complete", release=False)
    refused = proof.call("DELETE", f"/v1/transactions/{done}")
    assert refused.status_code == 422
    assert "already been completed" in refused.json()["errors"][0]


def test_a_signer_cannot_start_before_the_time_nor_after_the_end(proof: Client) -> None:
    now = datetime.now(UTC)
    name = proof.sent(
        activation_time=(now + timedelta(minutes=10)).isoformat(),
        expiry=(now + timedelta(minutes=60)).isoformat(),
    )
    path = f"/_sandbox/proof/transactions/{name}/start"
    assert web.post(proof.running.url + path, json={}).status_code == 422
    proof.running.post("/_sandbox/advance", {"seconds": 3600})
    assert proof.status(name) == "expired"
    assert "expired" in proof.told(name)


def test_the_list_finds_what_changed_since(proof: Client) -> None:
    first = proof.draft(external_id="b-1")["id"]
    since = datetime.now(UTC)
    second = proof.draft(external_id="b-2")["id"]
    found = proof.good(
        "GET", "/v1/transactions", params={"last_updated_date_start": since.isoformat()}
    )
    assert [one["external_id"] for one in found["data"]] == ["b-2"]
    proof.good("PATCH", f"/v1/transactions/{first}", {"transaction_name": "again"})
    page = proof.good(
        "GET",
        "/v1/transactions",
        params={"limit": 1, "offset": 1, "last_updated_date_start": since.isoformat()},
    )
    assert (page["total_count"], page["count"], page["data"][0]["id"]) == (2, 1, first)
    sent = proof.good("GET", "/v1/transactions", params={"transaction_status": "started"})
    assert {one["id"] for one in sent["data"]} == {first, second}
    assert proof.call("GET", "/v1/transactions?status=draft").status_code == 400


@pytest.fixture
def heard() -> Iterator[tuple[str, list[tuple[bytes, str]]]]:
    """Listen for webhooks: the address, and what came as (body, signature)."""
    told: list[tuple[bytes, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append((body, self.headers["X-Notarize-Signature"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook", told
    server.shutdown()
    server.server_close()


def test_a_subscriber_is_told_under_its_own_key(
    proof: Client, heard: tuple[str, list[tuple[bytes, str]]]
) -> None:
    url, told = heard
    body = {"url": url, "subscriptions": ["transaction.*"], "signing_key": "ours"}
    hook = proof.good("POST", "/v2/webhooks", body)
    assert proof.call("POST", "/v2/webhooks", {"url": url}).status_code in (400, 422)
    name = proof.draft()["id"]
    proof.play(proof.sent(external_id="b-2"), "fail_kba")
    wait_for(lambda: any(b"kba_failed" in one for one, _ in told))
    for payload, signature in told:
        assert signature == hmac.new(b"ours", payload, hashlib.sha256).hexdigest()
    first = json.loads(told[0][0])
    assert set(first) == {"event", "data"}
    assert (first["event"], first["data"]["transaction_id"]) == ("transaction.created", name)
    assert len(proof.good("GET", f"/v2/webhooks/{hook['id']}/events")) >= len(told)
    proof.good("DELETE", f"/v2/webhooks/{hook['id']}")


def test_faults_hit_it_like_every_system(proof: Client) -> None:
    match = {"system": "proof", "method": "POST"}
    for action, made in (("error_500", 0), ("error_429", 0), ("error_500_after_commit", 1)):
        proof.running.post("/_sandbox/faults", {"action": action, "match": match})
        body = {"draft": True, "signers": [ADA]}
        answer = proof.call("POST", "/v1/transactions", body)
        assert answer.status_code == (429 if action == "error_429" else 500)
        assert "errors" in answer.json()
        assert len(proof.running.ledger()["proof_transactions"]) == made

"""The three doors: only what is signed, fresh and small enough comes in, and comes in once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from integrations.models import InboxEvent, OutboxJob

pytestmark = pytest.mark.django_db

STRIPE_SECRET = "whsec_of_this_test"  # noqa: S105 -- signs nothing outside this file
PROOF_SECRET = "signing key of this test"  # noqa: S105 -- signs nothing outside this file
GHL_KEY = Ed25519PrivateKey.generate()
STRANGER = Ed25519PrivateKey.generate()

Sent = tuple[bytes, dict[str, str]]


def pem(key: Any) -> str:
    text: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text.decode()


@pytest.fixture(autouse=True)
def keys(settings: Settings) -> None:
    """Keys of this test on our side."""
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_next", STRIPE_SECRET]
    settings.GHL_WEBHOOK_PUBLIC_KEY = pem(GHL_KEY).replace("\n", "\\n")
    settings.PROOF_WEBHOOK_SIGNING_KEY = PROOF_SECRET


def stripe_body(event_id: str = "evt_1", kind: str = "customer.created", **thing: Any) -> bytes:
    return json.dumps(
        {
            "id": event_id,
            "object": "event",
            "type": kind,
            "created": int(time.time()),
            "livemode": False,
            "data": {"object": {"id": "cus_1", "object": "customer", **thing}},
        }
    ).encode()


def stripe_sign(body: bytes, *, at: float | None = None, secret: str = STRIPE_SECRET) -> str:
    stamp = int(time.time() if at is None else at)
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={mac}"


def stripe(body: bytes | None = None, **signing: Any) -> Sent:
    body = stripe_body() if body is None else body
    return body, {"Stripe-Signature": stripe_sign(body, **signing)}


def ghl_body(*, at: datetime | None = None, **fields: Any) -> bytes:
    document: dict[str, Any] = {
        "type": "AppointmentUpdate",
        "locationId": "loc",
        "webhookId": "wh-1",
        "timestamp": (at or datetime.now(tz=UTC)).isoformat(),
        "appointment": {"id": "apt-1", "appointmentStatus": "confirmed"},
    }
    return json.dumps({**document, **fields}).encode()


def ghl(body: bytes | None = None, *, key: Ed25519PrivateKey = GHL_KEY) -> Sent:
    body = ghl_body() if body is None else body
    return body, {"X-GHL-Signature": base64.b64encode(key.sign(body)).decode()}


PROOF_BODY = json.dumps(
    {"event": "transaction.completed", "data": {"transaction_id": "ot_1"}}
).encode()


def proof_sign(body: bytes, secret: str = PROOF_SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def proof(body: bytes = PROOF_BODY, **signing: Any) -> Sent:
    return body, {"X-Notarize-Signature": proof_sign(body, **signing)}


def post(provider: str, sent: Sent, **extra: Any) -> Any:
    body, headers = sent
    return Client(enforce_csrf_checks=True).post(
        f"/api/v2/webhooks/{provider}",
        data=body,
        content_type="application/json",
        headers=headers,
        **extra,
    )


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, json.loads(answer.content)["error"]["code"]


@pytest.mark.parametrize(
    ("provider", "sent", "expected"),
    [
        ("stripe", stripe, ("evt_1", "customer.created", "cus_1")),
        ("ghl", ghl, ("wh-1", "AppointmentUpdate", "apt-1")),
        (
            "proof",
            proof,
            (hashlib.sha256(PROOF_BODY).hexdigest(), "transaction.completed", "ot_1"),
        ),
    ],
)
def test_a_signed_event_is_stored_as_sent_and_answered(
    provider: str, sent: Callable[[], Sent], expected: tuple[str, str, str]
) -> None:
    body, headers = sent()
    answer = post(provider, (body, headers))
    assert (answer.status_code, json.loads(answer.content)) == (200, {"received": True})
    row = InboxEvent.objects.get()
    assert (row.event_id, row.type, row.object_id) == expected
    assert (row.provider, row.state) == (provider, "RECEIVED")
    assert bytes(row.body) == body
    assert row.request_id == answer["X-Request-Id"]


@pytest.mark.parametrize(("provider", "sent"), [("stripe", stripe), ("ghl", ghl), ("proof", proof)])
def test_a_repeat_is_answered_alike_and_stored_once(
    provider: str, sent: Callable[[], Sent]
) -> None:
    same = sent()
    for _ in range(5):
        assert post(provider, same).status_code == 200
    assert InboxEvent.objects.count() == 1


def test_one_id_of_two_providers_is_two_events() -> None:
    post("ghl", ghl(ghl_body(webhookId="evt_1")))
    post("stripe", stripe())
    assert InboxEvent.objects.filter(event_id="evt_1").count() == 2


def test_the_former_secret_still_opens_while_it_is_rotated() -> None:
    assert post("stripe", stripe(secret="whsec_next")).status_code == 200  # noqa: S106 -- see above


@dataclass(frozen=True)
class Forgery:
    """One way to send what was not signed for us, now."""

    name: str
    provider: str
    make: Callable[[], Sent]


def _stripe(name: str, make: Callable[[], Sent]) -> Forgery:
    return Forgery(f"stripe-{name}", "stripe", make)


def _ghl(name: str, make: Callable[[], Sent]) -> Forgery:
    return Forgery(f"ghl-{name}", "ghl", make)


def _proof(name: str, make: Callable[[], Sent]) -> Forgery:
    return Forgery(f"proof-{name}", "proof", make)


def _with_header(sent: Sent, change: Callable[[str], str]) -> Sent:
    body, headers = sent
    return body, {name: change(value) for name, value in headers.items()}


def _without_header(sent: Sent) -> Sent:
    return sent[0], {}


def _changed(sent: Sent, old: bytes, new: bytes) -> Sent:
    body, headers = sent
    assert old in body
    return body.replace(old, new), headers


def _stripe_parts(header: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in header.split(","))


def _ago(**span: float) -> datetime:
    return datetime.now(tz=UTC) - timedelta(**span)


FORGERIES = [
    _stripe("missing", lambda: _without_header(stripe())),
    _stripe("empty", lambda: _with_header(stripe(), lambda _: "")),
    _stripe("nonsense", lambda: _with_header(stripe(), lambda _: "nonsense")),
    _stripe("other-secret", lambda: stripe(secret="whsec_other")),
    _stripe("empty-secret", lambda: stripe(secret="")),
    _stripe("stale", lambda: stripe(at=time.time() - 310)),
    _stripe("future", lambda: stripe(at=time.time() + 310)),
    _stripe("year-1970", lambda: stripe(at=0)),
    _stripe("far-future", lambda: stripe(at=time.time() + 10**9)),
    _stripe("body-changed", lambda: _changed(stripe(), b"cus_1", b"cus_2")),
    _stripe("body-reformatted", lambda: _changed(stripe(), b'": ', b'":')),
    _stripe("byte-added", lambda: (stripe()[0] + b"\n", stripe()[1])),
    _stripe("time-moved", lambda: _with_header(
        stripe(at=time.time() - 400),
        lambda header: f"t={int(time.time())},v1={_stripe_parts(header)['v1']}")),
    _stripe("v0-only", lambda: _with_header(stripe(), lambda h: h.replace("v1=", "v0="))),
    _stripe("no-time", lambda: _with_header(
        stripe(), lambda header: f"v1={_stripe_parts(header)['v1']}")),
    _stripe("time-not-a-number", lambda: _with_header(
        stripe(), lambda header: f"t=now,v1={_stripe_parts(header)['v1']}")),
    _stripe("signature-cut", lambda: _with_header(stripe(), lambda header: header[:-1])),
    _stripe("signature-of-the-body-alone", lambda: _with_header(
        stripe(), lambda header: f"t={_stripe_parts(header)['t']},v1="
        + hmac.new(STRIPE_SECRET.encode(), stripe_body(), hashlib.sha256).hexdigest())),
    _stripe("live-mode", lambda: stripe(
        stripe_body().replace(b'"livemode": false', b'"livemode": true'))),
    _stripe("not-json", lambda: stripe(b"evt_1")),
    _stripe("not-an-event", lambda: stripe(b"{}")),
    _stripe("a-list", lambda: stripe(b"[]")),
    _stripe("another-doors-header", lambda: (
        stripe_body(), {"X-Notarize-Signature": proof_sign(stripe_body())})),
    _ghl("missing", lambda: _without_header(ghl())),
    _ghl("empty", lambda: _with_header(ghl(), lambda _: "")),
    _ghl("not-base64", lambda: _with_header(ghl(), lambda _: "%%%")),
    _ghl("other-key", lambda: ghl(key=STRANGER)),
    _ghl("hex", lambda: _with_header(ghl(), lambda h: base64.b64decode(h).hex())),
    _ghl("cut", lambda: _with_header(ghl(), lambda h: h[:-4])),
    _ghl("zeros", lambda: _with_header(ghl(), lambda _: base64.b64encode(bytes(64)).decode())),
    _ghl("body-changed", lambda: _changed(ghl(), b"apt-1", b"apt-2")),
    _ghl("stale", lambda: ghl(ghl_body(at=_ago(hours=2, seconds=5)))),
    _ghl("future", lambda: ghl(ghl_body(at=_ago(minutes=-5, seconds=-5)))),
    _ghl("no-time", lambda: ghl(ghl_body(timestamp=None))),
    _ghl("time-is-nonsense", lambda: ghl(ghl_body(timestamp="yesterday"))),
    _ghl("time-overflows", lambda: ghl(ghl_body(timestamp=1e300))),
    _ghl("time-is-infinite", lambda: ghl(b'{"webhookId": "wh-1", "timestamp": Infinity}')),
    _ghl("time-is-true", lambda: ghl(ghl_body(timestamp=True))),
    _ghl("not-json", lambda: ghl(b"hello")),
    _ghl("a-list", lambda: ghl(b"[]")),
    _ghl("deep", lambda: ghl(b"[" * 100_000)),
    _ghl("the-old-header", lambda: (ghl()[0], {"X-WH-Signature": ghl()[1]["X-GHL-Signature"]})),
    _proof("missing", lambda: _without_header(proof())),
    _proof("empty", lambda: _with_header(proof(), lambda _: "")),
    _proof("other-key", lambda: proof(secret="another key")),
    _proof("empty-key", lambda: proof(secret="")),
    _proof("upper-case", lambda: _with_header(proof(), str.upper)),
    _proof("base64", lambda: _with_header(
        proof(), lambda h: base64.b64encode(bytes.fromhex(h)).decode())),
    _proof("prefixed", lambda: _with_header(proof(), lambda h: f"sha256={h}")),
    _proof("cut", lambda: _with_header(proof(), lambda h: h[:-1])),
    _proof("sha1", lambda: _with_header(
        proof(), lambda _: hmac.new(PROOF_SECRET.encode(), PROOF_BODY, "sha1").hexdigest())),
    _proof("plain-hash", lambda: _with_header(
        proof(), lambda _: hashlib.sha256(PROOF_BODY).hexdigest())),
    _proof("body-changed", lambda: _changed(proof(), b"ot_1", b"ot_2")),
    _proof("not-ascii", lambda: _with_header(proof(), lambda h: "é" + h[1:])),
    _proof("not-json", lambda: proof(b"hello")),
    _proof("a-list", lambda: proof(b"[1]")),
]  # fmt: skip


@pytest.mark.parametrize("forgery", FORGERIES, ids=[forgery.name for forgery in FORGERIES])
def test_what_is_forged_stale_or_from_the_future_leaves_no_row(forgery: Forgery) -> None:
    answer = post(forgery.provider, forgery.make())
    assert refusal(answer) == (400, "INVALID_SIGNATURE")
    assert InboxEvent.objects.count() == 0
    assert OutboxJob.objects.count() == 0


def test_there_are_more_than_forty_forgeries_and_no_two_alike() -> None:
    assert len(FORGERIES) > 40
    assert len({forgery.name for forgery in FORGERIES}) == len(FORGERIES)


@pytest.mark.parametrize("age", [timedelta(hours=1, minutes=50), timedelta(minutes=-4)])
def test_ghl_retries_for_over_an_hour_and_its_clock_may_be_ahead(age: timedelta) -> None:
    assert post("ghl", ghl(ghl_body(at=datetime.now(tz=UTC) - age))).status_code == 200


@pytest.mark.parametrize("unit", [1, 1000])
def test_ghl_may_write_its_time_as_a_number(unit: int) -> None:
    assert post("ghl", ghl(ghl_body(timestamp=int(time.time() * unit)))).status_code == 200


def test_an_event_of_ghl_without_an_id_is_known_by_its_bytes() -> None:
    same = ghl(ghl_body(webhookId=None))
    for _ in range(2):
        assert post("ghl", same).status_code == 200
    assert InboxEvent.objects.get().event_id == hashlib.sha256(same[0]).hexdigest()


def test_names_that_no_column_holds_are_cut_and_stored_all_the_same() -> None:
    body = ghl_body(type="x" * 500, appointment={"id": "a\u0000b"})
    assert post("ghl", ghl(body)).status_code == 200
    row = InboxEvent.objects.get()
    assert (len(row.type), row.object_id) == (100, "ab")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("STRIPE_WEBHOOK_SECRETS", []),
        ("STRIPE_WEBHOOK_SECRETS", [""]),
        ("STRIPE_WEBHOOK_SECRETS", ["  "]),
        ("GHL_WEBHOOK_PUBLIC_KEY", ""),
        ("GHL_WEBHOOK_PUBLIC_KEY", "not a key"),
        ("GHL_WEBHOOK_PUBLIC_KEY", pem(generate_private_key(65537, 2048))),
        ("PROOF_WEBHOOK_SIGNING_KEY", ""),
        ("PROOF_WEBHOOK_SIGNING_KEY", "  "),
    ],
)
def test_a_door_without_a_key_opens_to_nobody_and_says_why_in_the_log(
    settings: Settings, caplog: pytest.LogCaptureFixture, setting: str, value: Any
) -> None:
    provider = setting.partition("_")[0].lower()
    setattr(settings, setting, value)
    empty = {"stripe": stripe(secret=""), "ghl": ghl(), "proof": proof(secret="")}
    right = {"stripe": stripe(), "ghl": ghl(), "proof": proof()}
    for sent in (empty[provider], right[provider]):
        assert refusal(post(provider, sent)) == (400, "INVALID_SIGNATURE")
    assert InboxEvent.objects.count() == 0
    assert setting in caplog.text


@pytest.mark.parametrize(("provider", "sign"), [("stripe", stripe), ("ghl", ghl), ("proof", proof)])
def test_a_body_over_256_kib_is_refused_and_one_of_256_kib_is_not(
    provider: str, sign: Callable[[bytes], Sent]
) -> None:
    padding = b" " * 300_000
    small = {"stripe": stripe_body(), "ghl": ghl_body(), "proof": PROOF_BODY}[provider]
    limit = 256 * 1024
    assert refusal(post(provider, sign((small + padding)[: limit + 1]))) == (
        413,
        "PAYLOAD_TOO_LARGE",
    )
    assert InboxEvent.objects.count() == 0
    assert post(provider, sign((small + padding)[:limit])).status_code == 200


def test_a_body_that_says_it_is_too_long_is_not_read() -> None:
    answer = post("stripe", stripe(), CONTENT_LENGTH=str(10**12))
    assert refusal(answer) == (413, "PAYLOAD_TOO_LARGE")


def test_credentials_and_other_methods_change_nothing() -> None:
    body, headers = stripe()
    signed = (body, {**headers, "Authorization": "Bearer nonsense"})
    assert post("stripe", signed).status_code == 200
    answer: Any = Client().get("/api/v2/webhooks/stripe")
    assert refusal(answer) == (405, "METHOD_NOT_ALLOWED")
    unknown: Any = Client().post("/api/v2/webhooks/paypal")
    assert unknown.status_code == 404


@pytest.mark.django_db(transaction=True)
def test_an_event_that_cannot_be_stored_is_asked_for_again_in_the_providers_own_way() -> None:
    with _locked_table():
        started = time.monotonic()
        for provider, sent, status, code in (
            ("stripe", stripe(), 503, "SERVICE_UNAVAILABLE"),
            ("proof", proof(), 503, "SERVICE_UNAVAILABLE"),
            ("ghl", ghl(), 429, "RATE_LIMITED"),
        ):
            answer = post(provider, sent)
            assert refusal(answer) == (status, code)
            assert int(answer["Retry-After"]) > 0
        assert time.monotonic() - started < 15
    assert InboxEvent.objects.count() == 0
    assert post("ghl", ghl()).status_code == 200
    assert InboxEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_ten_deliveries_of_one_event_at_once_are_stored_once() -> None:
    sent = stripe()
    barrier = threading.Barrier(10)
    statuses: list[int] = []

    def deliver() -> None:
        try:
            barrier.wait()
            statuses.append(post("stripe", sent).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert statuses == [200] * 10
    assert InboxEvent.objects.count() == 1


def _locked_table() -> Any:
    """Hold the inbox's table in another session for the block's length."""
    parameters = connection.get_connection_params()
    own = {
        name: parameters[name] for name in parameters if name not in ("cursor_factory", "context")
    }
    other = psycopg.connect(**own)
    other.execute("LOCK TABLE integrations_inboxevent IN ACCESS EXCLUSIVE MODE")
    return other

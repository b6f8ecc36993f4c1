"""What says it is Stripe's and is not, at the real door: more than forty ways, each its own."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db.models import QuerySet
from django.test import Client
from pytest_django import Settings

SECRET = "whsec_of_the_door"
API_KEY = "sk_test_of_the_door"
BODY = json.dumps(
    {
        "id": "evt_forged",
        "object": "event",
        "type": "payment_intent.succeeded",
        "created": 1_800_000_000,
        "livemode": False,
        "data": {"object": {"id": "pi_1", "object": "payment_intent", "metadata": {}}},
    }
).encode()
Sent = tuple[bytes, dict[str, str]]


def mac(payload: bytes, *, secret: str = SECRET, hashed: str = "sha256") -> str:
    """Sign bytes as whoever knows this secret."""
    return hmac.new(secret.encode(), payload, hashed).hexdigest()


def now() -> int:
    """Give this second, as Stripe writes it."""
    return int(time.time())


def signature(body: bytes = BODY, *, at: int | None = None, **how: str) -> str:
    """Give the hex that Stripe would write, unless told otherwise."""
    return mac(f"{now() if at is None else at}.".encode() + body, **how)


def sent(body: bytes = BODY, *, at: int | None = None, **how: str) -> Sent:
    """Sign a body and send another time with it only when told to."""
    stamp = now() if at is None else at
    return body, {"Stripe-Signature": f"t={stamp},v1={signature(body, at=stamp, **how)}"}


def header(text: str, *, body: bytes = BODY, **more: str) -> Sent:
    """Send a header of one's own making."""
    return body, {"Stripe-Signature": text, **more}


def with_body(**changes: Any) -> Sent:
    """Sign another event rightly."""
    return sent(json.dumps({**json.loads(BODY), **changes}).encode())


def genuine(body: bytes) -> Sent:
    """Send another body under the signature of the genuine one."""
    return body, sent()[1]


# Made when the test runs: a time is good for five minutes only.
FORGERIES: dict[str, Callable[[], Sent]] = {
    # no signature
    "no header": lambda: (BODY, {}),
    "an empty header": lambda: header(""),
    "only commas": lambda: header(",,,"),
    "no pairs": lambda: header("garbage"),
    "a pair of nothing": lambda: header("t=,v1="),
    "a time alone": lambda: header(f"t={now()}"),
    "an empty signature": lambda: header(f"t={now()},v1="),
    "a signature alone": lambda: header(f"v1={signature()}"),
    "under another name": lambda: (BODY, {"X-Stripe-Signature": sent()[1]["Stripe-Signature"]}),
    # another way to write it
    "the test scheme": lambda: header(f"t={now()},v0={signature()}"),
    "a scheme to come": lambda: header(f"t={now()},v2={signature()}"),
    "an upper-case scheme": lambda: header(f"t={now()},V1={signature()}"),
    "semicolons": lambda: header(f"t={now()};v1={signature()}"),
    "colons": lambda: header(f"t:{now()},v1:{signature()}"),
    "upper-case hex": lambda: header(f"t={now()},v1={signature().upper()}"),
    "0x before it": lambda: header(f"t={now()},v1=0x{signature()}"),
    "base64": lambda: header(
        f"t={now()},v1={base64.b64encode(bytes.fromhex(signature())).decode()}"
    ),
    "quoted": lambda: header(f't={now()},v1="{signature()}"'),
    # a wrong signature
    "one digit less": lambda: header(f"t={now()},v1={signature()[:-1]}"),
    "one digit more": lambda: header(f"t={now()},v1={signature()}0"),
    "all zeros": lambda: header(f"t={now()},v1={'0' * 64}"),
    "backwards": lambda: header(f"t={now()},v1={signature()[::-1]}"),
    "a letter no hash has": lambda: header(f"t={now()},v1=é{signature()[1:]}"),
    "many guesses": lambda: header(
        f"t={now()}," + ",".join(f"v1={signature(secret=str(guess))}" for guess in range(50))
    ),
    # a wrong secret
    "a stranger's secret": lambda: sent(secret="whsec_stranger"),
    "no secret": lambda: sent(secret=""),
    "the API's key": lambda: sent(secret=API_KEY),
    "the secret without its prefix": lambda: sent(secret=SECRET.removeprefix("whsec_")),
    "the secret in upper case": lambda: sent(secret=SECRET.upper()),
    # a wrong way to hash
    "no key": lambda: header(
        f"t={now()},v1={hashlib.sha256(f'{now()}.'.encode() + BODY).hexdigest()}"
    ),
    "sha1": lambda: sent(hashed="sha1"),
    "sha512": lambda: sent(hashed="sha512"),
    "the body alone": lambda: header(f"t={now()},v1={mac(BODY)}"),
    "no dot": lambda: header(f"t={now()},v1={mac(str(now()).encode() + BODY)}"),
    "the time last": lambda: header(f"t={now()},v1={mac(BODY + f'.{now()}'.encode())}"),
    # a wrong time
    "stale": lambda: sent(at=now() - 310),
    "from the future": lambda: sent(at=now() + 310),
    "a stale one's time moved": lambda: header(f"t={now()},v1={signature(at=now() - 600)}"),
    "a future one's time moved": lambda: header(f"t={now()},v1={signature(at=now() + 600)}"),
    "two times": lambda: header(f"t={now()},t={now() - 600},v1={signature(at=now() - 600)}"),
    "before all times": lambda: sent(at=-now()),
    "milliseconds": lambda: sent(at=now() * 1000),
    "a fraction": lambda: header(f"t={now()}.5,v1={mac(f'{now()}.5.'.encode() + BODY)}"),
    "a word": lambda: header(f"t=now,v1={mac(b'now.' + BODY)}"),
    # a wrong body
    "another amount of it": lambda: genuine(BODY.replace(b"pi_1", b"pi_2")),
    "a space more": lambda: genuine(BODY.replace(b": ", b":  ", 1)),
    "a line more": lambda: genuine(BODY + b"\n"),
    "a mark of its order": lambda: genuine(b"\xef\xbb\xbf" + BODY),
    "half of it": lambda: genuine(BODY[: len(BODY) // 2]),
    "twice": lambda: genuine(BODY + BODY),
    "squeezed": lambda: genuine(gzip.compress(BODY)),
    "nothing": lambda: genuine(b""),
    # signed by Stripe, and none of this account's
    "of the other mode": lambda: with_body(livemode=True),
    "about nothing": lambda: with_body(data={}),
    "not an event": lambda: sent(b"{}"),
    "not JSON": lambda: sent(b"evt_forged"),
}


@pytest.fixture(autouse=True)
def _secrets(settings: Settings) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = [SECRET]
    settings.STRIPE_API_KEY = API_KEY


def _inbox() -> QuerySet[Any]:
    """Give the events that were let in; integrations is above us and known by name only."""
    return apps.get_model("integrations", "InboxEvent")._default_manager.all()


def _post(body: bytes, headers: dict[str, str]) -> Any:
    return Client(enforce_csrf_checks=True).post(
        "/api/v2/webhooks/stripe", data=body, content_type="application/json", headers=headers
    )


@pytest.mark.django_db
def test_the_genuine_one_is_let_in_once() -> None:
    assert [_post(*sent()).status_code for _ in range(2)] == [200, 200]
    assert _inbox().count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("make", FORGERIES.values(), ids=list(FORGERIES))
def test_a_forged_one_is_refused_and_leaves_nothing(make: Callable[[], Sent]) -> None:
    answer = _post(*make())
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_SIGNATURE")
    assert not _inbox().exists()


def test_there_are_more_than_forty_and_no_two_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0)
    made = {
        (body, json.dumps(headers)) for body, headers in (make() for make in FORGERIES.values())
    }
    assert len(made) == len(FORGERIES) > 40

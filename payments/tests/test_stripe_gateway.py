"""The border to Stripe: signatures, errors as ours, and nothing secret in them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings

from bookings.tests.factories import NOW
from hmnp.core.errors import InvalidSignature
from payments import stripe_gateway as gateway
from payments.provider import GatewayError, Intent, IntentStatus, NotConfigured
from payments.tests.driving import Stripe

SECRET = "whsec_current"
OLD_SECRET = "whsec_previous"


def _body(**changes: Any) -> bytes:
    event = {
        "id": "evt_1",
        "object": "event",
        "type": "payment_intent.succeeded",
        "created": int(NOW.timestamp()),
        "livemode": False,
        "data": {
            "object": {"id": "pi_1", "object": "payment_intent", "metadata": {"payment_id": "p"}}
        },
        **changes,
    }
    return json.dumps(event).encode()


def _sign(body: bytes, *, secret: str = SECRET, at: float | None = None) -> str:
    stamp = int(time.time() if at is None else at)
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={mac}"


@pytest.fixture(autouse=True)
def _secrets(settings: Settings) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = [SECRET, OLD_SECRET]


def test_a_good_signature_gives_the_hint() -> None:
    event = gateway.verify_webhook(body=_body(), header=_sign(_body()))
    assert (event.id, event.type, event.intent_id) == (
        "evt_1",
        "payment_intent.succeeded",
        "pi_1",
    )
    assert event.metadata == {"payment_id": "p"}


def test_the_previous_secret_is_good_while_it_is_listed() -> None:
    header = _sign(_body(), secret=OLD_SECRET)
    assert gateway.verify_webhook(body=_body(), header=header).id == "evt_1"


def test_a_refund_event_names_its_intent() -> None:
    body = _body(data={"object": {"id": "re_1", "object": "refund", "payment_intent": "pi_9"}})
    event = gateway.verify_webhook(body=body, header=_sign(body))
    assert (event.object_type, event.object_id, event.intent_id) == ("refund", "re_1", "pi_9")


# Made when the test runs: a header is good for five minutes only.
WRONG: dict[str, Callable[[str], str | None]] = {
    "none": lambda _: None,
    "empty": lambda _: "",
    "garbage": lambda _: "garbage",
    "no values": lambda _: "t=,v1=",
    "another scheme": lambda good: good.replace("v1=", "v0="),
    "no signature": lambda good: good.split(",")[0],
    "no time": lambda good: good.split(",")[1],
    "one digit": lambda good: good[:-1] + ("0" if good[-1] != "0" else "1"),
    "not ascii": lambda good: good + "é",
    "wrong secret": lambda _: _sign(_body(), secret="whsec_wrong"),
    "stale": lambda _: _sign(_body(), at=time.time() - 310),
    "from the future": lambda _: _sign(_body(), at=time.time() + 310),
    "another body": lambda _: _sign(b"another body"),
    "another time": lambda good: f"t={int(time.time()) - 1},{good.split(',')[1]}",
}


@pytest.mark.parametrize("name", WRONG)
def test_every_other_header_is_refused(name: str) -> None:
    with pytest.raises(InvalidSignature):
        gateway.verify_webhook(body=_body(), header=WRONG[name](_sign(_body())))


def test_within_five_minutes_either_way_it_is_good() -> None:
    for ahead in (-290, 290):
        header = _sign(_body(), at=time.time() + ahead)
        assert gateway.verify_webhook(body=_body(), header=header).id == "evt_1"


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"{}",
        _body(livemode=True),
        _body(data={}),
        _body(data={"object": "pi_1"}),
    ],
)
def test_signed_nonsense_and_the_other_mode_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidSignature):
        gateway.verify_webhook(body=body, header=_sign(body))


def test_without_a_secret_nothing_is_good(settings: Settings) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ["", " "]
    with pytest.raises(InvalidSignature):
        gateway.verify_webhook(body=_body(), header=_sign(_body(), secret=""))


def test_without_a_key_it_says_so(settings: Settings) -> None:
    settings.STRIPE_API_KEY = ""
    with pytest.raises(NotConfigured, match="STRIPE_API_KEY"):
        gateway.retrieve_intent(intent_id="pi_1")


def _create(**changes: Any) -> Intent:
    facts: dict[str, Any] = {
        "amount_cents": 4250,
        "currency": "USD",
        "idempotency_key": f"pi-{uuid4()}",
        "metadata": {"payment_id": "p"},
        **changes,
    }
    return gateway.create_intent(**facts)


def test_an_intent_crosses_as_a_plain_value_that_does_not_show_its_secret(stripe: Stripe) -> None:
    intent = _create()
    assert intent.status is IntentStatus.REQUIRES_PAYMENT_METHOD
    assert (intent.amount_cents, intent.amount_received_cents, intent.currency) == (4250, 0, "USD")
    assert intent.client_secret.startswith(f"{intent.id}_secret_")
    assert intent.client_secret not in repr(intent)


def test_a_key_used_for_something_else_is_spent(stripe: Stripe) -> None:
    key = f"pi-{uuid4()}"
    _create(idempotency_key=key)
    with pytest.raises(GatewayError) as refusal:
        _create(idempotency_key=key, amount_cents=9900)
    assert refusal.value.permanent
    assert refusal.value.is_key_spent


def test_what_stripe_does_not_know_is_a_permanent_failure(stripe: Stripe) -> None:
    with pytest.raises(GatewayError) as refusal:
        gateway.retrieve_intent(intent_id="pi_unknown")
    assert refusal.value.permanent
    assert refusal.value.code == "resource_missing"


def test_a_wrong_key_is_not_the_payments_fault(stripe: Stripe, settings: Settings) -> None:
    settings.STRIPE_API_KEY = "sk_test_wrong"
    with pytest.raises(GatewayError) as refusal:
        _create()
    assert not refusal.value.permanent


@pytest.mark.parametrize("action", ["error_429", "garbage"])
def test_what_passes_is_not_permanent(stripe: Stripe, action: str) -> None:
    stripe.fail(action, path="/v1/payment_intents", times=3)
    with pytest.raises(GatewayError) as refusal:
        _create()
    assert not refusal.value.permanent


def test_an_unreachable_stripe_is_not_permanent(settings: Settings) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    with pytest.raises(GatewayError) as refusal:
        gateway.retrieve_intent(intent_id="pi_1")
    assert not refusal.value.permanent


def test_cancelling_what_has_succeeded_gives_it_as_it_is_without_its_secret_in_any_error(
    stripe: Stripe, caplog: pytest.LogCaptureFixture
) -> None:
    intent = _create()
    stripe.pay(intent.id, intent.client_secret)
    assert gateway.cancel_intent(intent_id=intent.id).status is IntentStatus.SUCCEEDED
    assert gateway.cancel_intent(intent_id=_create().id).status is IntentStatus.CANCELED
    assert intent.client_secret not in caplog.text


def test_undelivered_events_are_listed(stripe: Stripe) -> None:
    intent = _create()
    stripe.pay(intent.id, intent.client_secret)
    events = gateway.list_undelivered_events(since=NOW)
    assert {event.intent_id for event in events if event.object_type == "payment_intent"} <= {
        intent.id
    }

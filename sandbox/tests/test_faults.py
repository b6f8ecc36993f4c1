"""Each fault knob does what it says, and only to what it matches."""

from __future__ import annotations

import time
from typing import Any

import pytest
import stripe

from sandbox.tests.driving import Running, make_intent, wait_for, web


def plan(sandbox: Running, action: str, **extra: Any) -> dict[str, Any]:
    return sandbox.post("/_sandbox/faults", {"action": action, **extra})


def intents(sandbox: Running) -> int:
    return len(sandbox.ledger()["payment_intents"])


def impatient(sandbox: Running, retries: int = 0) -> stripe.StripeClient:
    return stripe.StripeClient(
        "sk_test_sandbox",
        max_network_retries=retries,
        base_addresses={"api": sandbox.url},
        http_client=stripe.RequestsClient(timeout=1),
    )


def test_a_delay_answers_late(sandbox: Running, api: stripe.StripeClient) -> None:
    plan(sandbox, "delay", ms=500)
    started = time.monotonic()
    make_intent(api)
    assert time.monotonic() - started >= 0.5
    assert intents(sandbox) == 1


def test_a_timeout_before_the_commit_does_nothing(sandbox: Running) -> None:
    plan(sandbox, "timeout_before_commit", ms=5000)
    with pytest.raises(stripe.APIConnectionError):
        make_intent(impatient(sandbox))
    assert intents(sandbox) == 0


def test_a_timeout_after_the_commit_did_it(sandbox: Running) -> None:
    plan(sandbox, "timeout_after_commit", ms=5000)
    with pytest.raises(stripe.APIConnectionError):
        make_intent(impatient(sandbox))
    wait_for(lambda: intents(sandbox) == 1)


def test_the_clients_own_retry_heals_a_timeout_after_the_commit(sandbox: Running) -> None:
    plan(sandbox, "timeout_after_commit", ms=5000)
    make_intent(impatient(sandbox, retries=2))
    assert intents(sandbox) == 1


def test_a_500_raises_the_clients_api_error(sandbox: Running, api: stripe.StripeClient) -> None:
    plan(sandbox, "error_500")
    with pytest.raises(stripe.APIError) as caught:
        make_intent(api)
    assert caught.value.http_status == 500
    assert intents(sandbox) == 0
    make_intent(api)


def test_a_429_raises_the_clients_rate_limit_error(
    sandbox: Running, api: stripe.StripeClient
) -> None:
    plan(sandbox, "error_429")
    with pytest.raises(stripe.RateLimitError):
        make_intent(api)
    assert intents(sandbox) == 0


@pytest.mark.parametrize(("action", "made"), [("reset", 0), ("reset_after_commit", 1)])
def test_a_reset_cuts_the_line(
    sandbox: Running, api: stripe.StripeClient, action: str, made: int
) -> None:
    plan(sandbox, action)
    with pytest.raises(stripe.APIConnectionError):
        make_intent(api)
    assert intents(sandbox) == made


def test_garbage_is_no_json_but_the_work_was_done(
    sandbox: Running, api: stripe.StripeClient
) -> None:
    plan(sandbox, "garbage")
    with pytest.raises(stripe.APIError):
        make_intent(api)
    assert intents(sandbox) == 1


def test_a_fault_hits_as_often_as_asked_and_is_then_gone(sandbox: Running) -> None:
    plan(sandbox, "error_429", times=2)
    key = {"Authorization": "Bearer sk_test_sandbox"}
    codes = [web.get(f"{sandbox.url}/v1/refunds", headers=key).status_code for _ in range(3)]
    assert codes == [429, 429, 200]
    assert web.get(f"{sandbox.url}/_sandbox/faults").json() == {"data": []}


def test_a_fault_may_last_until_it_is_deleted_and_skip_the_first(sandbox: Running) -> None:
    fault = plan(sandbox, "error_429", times=-1, skip=1)
    key = {"Authorization": "Bearer sk_test_sandbox"}
    codes = [web.get(f"{sandbox.url}/v1/refunds", headers=key).status_code for _ in range(4)]
    assert codes == [200, 429, 429, 429]
    listed = web.get(f"{sandbox.url}/_sandbox/faults").json()["data"]
    assert [(each["id"], each["hits"]) for each in listed] == [(fault["id"], 3)]
    assert web.delete(f"{sandbox.url}/_sandbox/faults/{fault['id']}").json() == {"deleted": 1}
    assert web.get(f"{sandbox.url}/v1/refunds", headers=key).status_code == 200


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({}, True),
        ({"system": "stripe"}, True),
        ({"system": "postmark"}, False),
        ({"method": "POST"}, True),
        ({"method": "get"}, False),
        ({"path": "/v1/payment_intents"}, True),
        ({"path": "/v1/refunds"}, False),
        ({"path": r"^/v1/payment_intents$"}, True),
        ({"path": r"^/v1/payment_intents/pi_\w+$"}, False),
        ({"body": "amount=4250"}, True),
        ({"body": "amount=4251"}, False),
    ],
)
def test_a_fault_hits_only_what_it_matches(
    sandbox: Running, api: stripe.StripeClient, match: dict[str, str], hit: bool
) -> None:
    plan(sandbox, "error_429", match=match)
    if hit:
        with pytest.raises(stripe.RateLimitError):
            make_intent(api)
    else:
        make_intent(api)


def test_faults_never_hit_health_knobs_or_page(sandbox: Running) -> None:
    plan(sandbox, "error_500", times=-1)
    for path in ("/healthz", "/", "/_sandbox/ledger", "/js/v3/", "/stripe/element"):
        assert web.get(sandbox.url + path).status_code == 200


def test_faults_survive_a_kill(own_sandbox: Running) -> None:
    plan(own_sandbox, "error_429", times=3)
    own_sandbox.kill()
    own_sandbox.start()
    with pytest.raises(stripe.RateLimitError):
        make_intent(own_sandbox.client())


@pytest.mark.parametrize(
    "wish",
    [{}, {"action": "explode"}, {"action": "reset", "times": "2"}, {"action": "reset", "when": 1},
     {"action": "reset", "match": {"host": "x"}}, {"action": "reset", "match": {"path": "^("}}, []],
)  # fmt: skip
def test_a_fault_that_makes_no_sense_is_refused(sandbox: Running, wish: Any) -> None:
    assert web.post(f"{sandbox.url}/_sandbox/faults", json=wish).status_code == 400
    assert web.get(f"{sandbox.url}/_sandbox/faults").json() == {"data": []}

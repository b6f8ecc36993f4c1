"""Idempotency keys behave as Stripe's do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import stripe

from sandbox.tests.driving import Running, make_intent, web

SECRET_KEY = {"Authorization": "Bearer sk_test_sandbox"}
CREATE = {"amount": "4250", "currency": "usd", "allowed_payment_method_types[0]": "card"}


def send(sandbox: Running, key: str, path: str = "/v1/payment_intents",
         data: dict[str, str] | None = None) -> httpx.Response:  # fmt: skip
    return web.post(
        sandbox.url + path,
        data=CREATE if data is None else data,
        headers={**SECRET_KEY, "Idempotency-Key": key},
        timeout=20,
    )


def test_the_same_key_and_parameters_replay_the_first_answer(sandbox: Running) -> None:
    first, second = send(sandbox, "k"), send(sandbox, "k")
    assert first.content == second.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Original-Request"] == first.headers["Request-Id"]
    assert second.headers["Request-Id"] != first.headers["Request-Id"]
    assert len(sandbox.ledger()["payment_intents"]) == 1


def test_other_parameters_under_the_key_are_refused(sandbox: Running) -> None:
    send(sandbox, "k")
    answer = send(sandbox, "k", data={**CREATE, "amount": "5000"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "idempotency_error")
    assert len(sandbox.ledger()["payment_intents"]) == 1


def test_the_client_raises_its_idempotency_error(api: stripe.StripeClient) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "k"}
    api.v1.payment_intents.create({"amount": 500, "currency": "usd"}, options)
    with pytest.raises(stripe.IdempotencyError):
        api.v1.payment_intents.create({"amount": 501, "currency": "usd"}, options)


def test_a_key_belongs_to_the_endpoint_it_was_first_used_for(sandbox: Running) -> None:
    intent = send(sandbox, "k").json()["id"]
    answer = send(sandbox, "k", f"/v1/payment_intents/{intent}/cancel", {})
    assert answer.status_code == 400
    assert "same endpoint" in answer.json()["error"]["message"]
    assert sandbox.ledger()["payment_intents"][0]["status"] == "requires_payment_method"


def test_a_decline_is_replayed_too_and_charges_nothing_again(sandbox: Running) -> None:
    intent = send(sandbox, "a").json()["id"]
    card = {"payment_method": "pm_card_chargeDeclined"}
    first = send(sandbox, "b", f"/v1/payment_intents/{intent}/confirm", card)
    again = send(sandbox, "b", f"/v1/payment_intents/{intent}/confirm", card)
    assert (first.status_code, again.content) == (402, first.content)
    assert len(sandbox.ledger()["charges"]) == 1


def test_a_validation_failure_is_not_kept(sandbox: Running) -> None:
    assert send(sandbox, "k", data={**CREATE, "amount": "1"}).status_code == 400
    assert send(sandbox, "k").status_code == 200


def test_a_refusal_by_state_is_kept(sandbox: Running, api: stripe.StripeClient) -> None:
    intent = make_intent(api).id
    api.v1.payment_intents.cancel(intent)
    first = send(sandbox, "k", f"/v1/payment_intents/{intent}/cancel", {})
    again = send(sandbox, "k", f"/v1/payment_intents/{intent}/cancel", {})
    assert first.status_code == 400
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_second_call_while_the_first_runs_gets_409_and_is_not_kept(sandbox: Running) -> None:
    sandbox.post(
        "/_sandbox/faults",
        {"action": "delay", "ms": 700, "match": {"path": "/v1/payment_intents"}},
    )
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: send(sandbox, "k"), range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["error"]["code"] == "idempotency_key_in_use"
    assert len(sandbox.ledger()["payment_intents"]) == 1
    assert send(sandbox, "k").headers["Idempotent-Replayed"] == "true"


def test_the_client_retries_a_409_until_it_gets_the_replay(sandbox: Running) -> None:
    sandbox.post("/_sandbox/faults", {"action": "delay", "ms": 200})
    client = sandbox.client(retries=5)

    def create(_: int) -> str:
        return client.v1.payment_intents.create(
            {"amount": 4250, "currency": "usd"}, {"idempotency_key": "k"}
        ).id

    with ThreadPoolExecutor(3) as pool:
        assert len(set(pool.map(create, range(3)))) == 1


def test_a_500_is_kept_and_replayed_even_after_the_fault_is_gone(sandbox: Running) -> None:
    sandbox.post("/_sandbox/faults", {"action": "error_500"})
    first, again = send(sandbox, "k"), send(sandbox, "k")
    assert (first.status_code, again.status_code) == (500, 500)
    assert first.json()["error"]["type"] == "api_error"
    assert again.headers["Idempotent-Replayed"] == "true"
    assert sandbox.ledger()["payment_intents"] == []
    assert send(sandbox, "other").status_code == 200


def test_a_500_after_the_commit_leaves_the_money_moved(
    sandbox: Running, api: stripe.StripeClient
) -> None:
    intent = make_intent(api).id
    sandbox.post("/_sandbox/faults", {"action": "error_500_after_commit"})
    path = f"/v1/payment_intents/{intent}/confirm"
    first = send(sandbox, "k", path, {"payment_method": "pm_card_visa"})
    again = send(sandbox, "k", path, {"payment_method": "pm_card_visa"})
    assert (first.status_code, again.status_code) == (500, 500)
    assert api.v1.payment_intents.retrieve(intent).status == "succeeded"


def test_a_429_is_not_kept(sandbox: Running) -> None:
    sandbox.post("/_sandbox/faults", {"action": "error_429"})
    assert send(sandbox, "k").status_code == 429
    assert send(sandbox, "k").status_code == 200


def test_a_key_is_forgotten_after_a_day(sandbox: Running) -> None:
    first = send(sandbox, "k").json()["id"]
    sandbox.post("/_sandbox/advance", {"seconds": 23 * 3600})
    assert send(sandbox, "k").json()["id"] == first
    sandbox.post("/_sandbox/advance", {"seconds": 3601})
    assert send(sandbox, "k").json()["id"] != first
    assert len(sandbox.ledger()["payment_intents"]) == 2


def test_keys_longer_than_255_are_refused(sandbox: Running) -> None:
    assert send(sandbox, "k" * 256).status_code == 400


def test_a_get_ignores_the_key(sandbox: Running) -> None:
    for _ in range(2):
        answer = web.get(
            f"{sandbox.url}/v1/payment_intents", headers={**SECRET_KEY, "Idempotency-Key": "k"}
        )
        assert answer.status_code == 200
        assert "Idempotent-Replayed" not in answer.headers


def test_keys_survive_a_kill(own_sandbox: Running) -> None:
    first = send(own_sandbox, "k")
    own_sandbox.kill()
    own_sandbox.start()
    assert send(own_sandbox, "k").content == first.content

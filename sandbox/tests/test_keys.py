"""Who may call what: secret key, publishable key, nobody."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import stripe

from sandbox.tests.driving import Running, make_intent, paid_intent, web

PUBLIC = {"Authorization": "Bearer pk_test_sandbox", "Origin": "http://127.0.0.1:8000"}


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "did not provide an API key"),
        ({"Authorization": "Bearer sk_test_wrong_key_here"}, "Invalid API Key provided: sk_test_"),
        ({"Authorization": "Basic %%%"}, "did not provide an API key"),
    ],
)
def test_without_a_right_key_it_answers_401(
    sandbox: Running, headers: dict[str, str], words: str
) -> None:
    for path in ("/v1/payment_intents", "/v1/nothing_like_it"):
        answer = web.get(sandbox.url + path, headers=headers)
        assert answer.status_code == 401
        assert words in answer.json()["error"]["message"]
        assert answer.headers["Request-Id"].startswith("req_")


def test_the_client_raises_its_authentication_error(sandbox: Running) -> None:
    with pytest.raises(stripe.AuthenticationError):
        sandbox.client("sk_test_other").v1.payment_intents.list()


def test_a_basic_secret_key_works(sandbox: Running) -> None:
    token = base64.b64encode(b"sk_test_sandbox:").decode()
    answer = web.get(f"{sandbox.url}/v1/refunds", headers={"Authorization": f"Basic {token}"})
    assert answer.status_code == 200


def test_a_secret_key_in_the_query_is_no_key(sandbox: Running) -> None:
    assert web.get(f"{sandbox.url}/v1/refunds?key=sk_test_sandbox").status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/payment_intents"), ("POST", "/v1/payment_intents"), ("POST", "/v1/refunds"),
     ("GET", "/v1/events"), ("GET", "/v1/charges"), ("GET", "/v1/customers"),
     ("POST", "/v1/payment_intents/{id}"), ("POST", "/v1/payment_intents/{id}/cancel"),
     ("POST", "/v1/payment_intents/{id}/capture"), ("GET", "/v1/payment_methods/pm_x"),
     ("GET", "/v1/disputes")],
)  # fmt: skip
def test_a_publishable_key_opens_nothing_else(
    sandbox: Running, api: stripe.StripeClient, method: str, path: str
) -> None:
    intent = make_intent(api)
    answer = web.request(
        method,
        sandbox.url + path.replace("{id}", intent.id),
        headers=PUBLIC,
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "secret_key_required")
    assert api.v1.payment_intents.retrieve(intent.id).status == "requires_payment_method"


def test_a_browser_sees_a_reduced_intent_with_its_client_secret_only(
    sandbox: Running, api: stripe.StripeClient
) -> None:
    intent = paid_intent(api)
    url = f"{sandbox.url}/v1/payment_intents/{intent.id}"
    seen = web.get(url, params={"client_secret": str(intent.client_secret)}, headers=PUBLIC)
    assert seen.json()["status"] == "succeeded"
    hidden = {"metadata", "latest_charge", "customer", "amount_received", "_"}
    assert hidden.isdisjoint(seen.json())
    by_key = web.get(
        url, params={"client_secret": str(intent.client_secret), "key": "pk_test_sandbox"}
    )
    assert by_key.json() == seen.json()
    assert web.get(url, headers=PUBLIC).json()["error"]["code"] == "parameter_missing"
    other = make_intent(api)
    wrong = web.get(url, params={"client_secret": str(other.client_secret)}, headers=PUBLIC)
    assert wrong.status_code == 400
    assert intent.id not in wrong.text


def test_a_browser_confirms_with_its_client_secret_only(
    sandbox: Running, api: stripe.StripeClient
) -> None:
    intent = make_intent(api)
    url = f"{sandbox.url}/v1/payment_intents/{intent.id}/confirm"
    card = {"payment_method": "pm_card_visa"}
    assert web.post(url, data=card, headers=PUBLIC).status_code == 400
    assert web.post(url, data={**card, "client_secret": "guess"}, headers=PUBLIC).is_error
    mine = {**card, "client_secret": str(intent.client_secret)}
    for extra in ({"amount": "1"}, {"off_session": "true"}, {"metadata[a]": "b"}):
        refused = web.post(url, data={**mine, **extra}, headers=PUBLIC)
        assert refused.json()["error"]["code"] == "parameter_unknown"
    assert sandbox.ledger()["charges"] == []
    paid = web.post(url, data=mine, headers=PUBLIC)
    assert (paid.status_code, paid.json()["status"]) == (200, "succeeded")
    assert "metadata" not in paid.json()


def test_a_browsers_decline_shows_the_reduced_intent_too(
    sandbox: Running, api: stripe.StripeClient
) -> None:
    intent = make_intent(api)
    answer = web.post(
        f"{sandbox.url}/v1/payment_intents/{intent.id}/confirm",
        data={"payment_method": "pm_card_chargeDeclined",
              "client_secret": str(intent.client_secret)},
        headers=PUBLIC,
    )  # fmt: skip
    assert answer.status_code == 402
    assert "metadata" not in answer.json()["error"]["payment_intent"]


def card_data(intent: stripe.PaymentIntent, **card: str) -> dict[str, Any]:
    fields = {"number": "4242424242424242", "exp_month": "12", "exp_year": "40", "cvc": "123"}
    return {
        "client_secret": str(intent.client_secret),
        "payment_method_data[type]": "card",
        **{f"payment_method_data[card][{name}]": text for name, text in {**fields, **card}.items()},
    }


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ({"number": "4242424242424241"}, "incorrect_number"),
        ({"exp_month": "13"}, "invalid_expiry_month"),
        ({"exp_year": "2001"}, "invalid_expiry_year"),
        ({"cvc": "1"}, "invalid_cvc"),
        ({"number": "4000000000000002"}, "card_declined"),
        ({"number": "4000 0000 0000 0069"}, "expired_card"),
        ({"number": "4000000000000127"}, "incorrect_cvc"),
        ({"number": "4000000000000119"}, "processing_error"),
        ({"number": "4111111111111111"}, "card_declined"),
    ],
)
def test_card_numbers_behave_as_listed(
    sandbox: Running, api: stripe.StripeClient, card: dict[str, str], code: str
) -> None:
    intent = make_intent(api)
    answer = web.post(
        f"{sandbox.url}/v1/payment_intents/{intent.id}/confirm",
        data=card_data(intent, **card),
        headers=PUBLIC,
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, code)
    assert api.v1.payment_intents.retrieve(intent.id).status == "requires_payment_method"


def test_a_preflight_from_any_page_is_answered(sandbox: Running) -> None:
    answer = web.options(
        f"{sandbox.url}/v1/payment_intents/pi_x/confirm",
        headers={"Origin": "http://127.0.0.1:8000", "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "authorization"},
    )  # fmt: skip
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


def test_the_knobs_allow_no_other_origin_and_no_other_host(sandbox: Running) -> None:
    knob = f"{sandbox.url}/_sandbox/ledger"
    assert "Access-Control-Allow-Origin" not in web.get(knob).headers
    assert web.get(knob, headers={"Host": "rebound.example"}).status_code == 421


def test_the_version_header_is_echoed_and_a_broken_one_refused(sandbox: Running) -> None:
    key = {"Authorization": "Bearer sk_test_sandbox"}
    assert web.get(f"{sandbox.url}/v1/refunds", headers=key).headers["Stripe-Version"]
    older = web.get(f"{sandbox.url}/v1/refunds", headers={**key, "Stripe-Version": "2024-06-20"})
    assert older.headers["Stripe-Version"] == "2024-06-20"
    broken = web.get(f"{sandbox.url}/v1/refunds", headers={**key, "Stripe-Version": "newest"})
    assert broken.status_code == 400


def test_a_json_body_is_refused(sandbox: Running) -> None:
    answer = web.post(
        f"{sandbox.url}/v1/payment_intents",
        json={"amount": 500},
        headers={"Authorization": "Bearer sk_test_sandbox"},
    )
    assert answer.status_code == 400
    assert "x-www-form-urlencoded" in answer.json()["error"]["message"]


def test_an_unknown_path_is_stripes_404(api: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        api.v1.balance.retrieve()

"""3-D Secure: asked for, passed, failed, and without a browser script."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import stripe

from sandbox.tests.driving import Running, make_intent, web

THREE_D = "pm_card_threeDSecure2Required"
BACK = "http://127.0.0.1:9/return?step=4"


def ask(api: stripe.StripeClient, card: str = THREE_D) -> stripe.PaymentIntent:
    return api.v1.payment_intents.confirm(
        make_intent(api).id, {"payment_method": card, "return_url": BACK}
    )


def challenge(intent: stripe.PaymentIntent) -> str:
    assert intent.next_action is not None
    assert intent.next_action.redirect_to_url is not None
    assert intent.next_action.redirect_to_url.url is not None
    return intent.next_action.redirect_to_url.url


def test_the_intent_waits_in_requires_action_and_no_money_moves(
    api: stripe.StripeClient, sandbox: Running
) -> None:
    intent = ask(api)
    assert (intent.status, intent.amount_received) == ("requires_action", 0)
    assert sandbox.ledger()["charges"] == []


def test_a_passed_authentication_pays_and_goes_back_to_the_shop(
    api: stripe.StripeClient,
) -> None:
    intent = ask(api)
    assert "Complete authentication" in web.get(challenge(intent)).text
    answer = web.post(challenge(intent), data={"outcome": "complete"})
    assert answer.status_code == 303
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["step"] == ["4"]
    assert query["payment_intent"] == [intent.id]
    assert query["redirect_status"] == ["succeeded"]
    assert api.v1.payment_intents.retrieve(intent.id).status == "succeeded"
    again = web.post(challenge(intent), data={"outcome": "fail"})
    assert "is over" in again.text
    assert api.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_a_failed_authentication_asks_for_another_card(api: stripe.StripeClient) -> None:
    intent = ask(api)
    answer = web.post(challenge(intent), data={"outcome": "fail"})
    assert "redirect_status=failed" in answer.headers["Location"]
    after = api.v1.payment_intents.retrieve(intent.id)
    assert after.status == "requires_payment_method"
    assert after.last_payment_error is not None
    assert after.last_payment_error.code == "payment_intent_authentication_failure"
    paid = api.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert paid.status == "succeeded"


def test_a_card_may_decline_after_it_was_authenticated(api: stripe.StripeClient) -> None:
    intent = ask(api, "pm_card_threeDSecureRequiredChargeDeclined")
    web.post(challenge(intent), data={"outcome": "complete"})
    after = api.v1.payment_intents.retrieve(intent.id)
    assert after.status == "requires_payment_method"
    assert after.last_payment_error is not None
    assert after.last_payment_error.code == "card_declined"


def test_the_challenge_of_a_canceled_intent_is_over(api: stripe.StripeClient) -> None:
    intent = ask(api)
    url = challenge(intent)
    api.v1.payment_intents.cancel(intent.id)
    web.post(url, data={"outcome": "complete"})
    assert api.v1.payment_intents.retrieve(intent.id).status == "canceled"


def test_confirming_again_starts_anew_and_the_old_challenge_is_dead(
    api: stripe.StripeClient,
) -> None:
    intent = ask(api)
    old = challenge(intent)
    again = api.v1.payment_intents.confirm(
        intent.id, {"payment_method": THREE_D, "return_url": BACK}
    )
    assert "is over" in web.post(old, data={"outcome": "complete"}).text
    web.post(challenge(again), data={"outcome": "complete"})
    assert api.v1.payment_intents.retrieve(intent.id).status == "succeeded"


@pytest.mark.parametrize("extra", [{"off_session": True}, {"error_on_requires_action": True}])
def test_a_server_that_cannot_ask_gets_a_decline(
    api: stripe.StripeClient, extra: dict[str, bool]
) -> None:
    with pytest.raises(stripe.CardError) as caught:
        make_intent(api, confirm=True, payment_method=THREE_D, **extra)
    assert caught.value.code == "authentication_required"


def test_a_test_may_confirm_and_authenticate_without_a_browser(
    api: stripe.StripeClient, sandbox: Running
) -> None:
    for passed, status in ((True, "succeeded"), (False, "requires_payment_method")):
        intent = make_intent(api)
        after = sandbox.post(
            "/_sandbox/confirm",
            {"payment_intent": intent.id, "card": "4000002500003155", "authenticate": passed},
        )
        assert after["status"] == status
    declined = sandbox.post(
        "/_sandbox/confirm", {"payment_intent": intent.id, "card": "4000000000000002"}
    )
    assert declined["last_payment_error"]["code"] == "card_declined"


def test_a_return_url_must_be_a_web_address(api: stripe.StripeClient) -> None:
    intent = make_intent(api)
    with pytest.raises(stripe.InvalidRequestError, match="Not a valid URL"):
        api.v1.payment_intents.confirm(
            intent.id, {"payment_method": THREE_D, "return_url": "javascript:alert(1)"}
        )

"""Intents from creation to money, driven with Stripe's own client."""

from __future__ import annotations

import re

import pytest
import stripe

from sandbox.tests.driving import Running, make_intent, paid_intent


def test_an_intent_goes_from_no_card_to_succeeded(api: stripe.StripeClient) -> None:
    intent = make_intent(api)
    assert intent.status == "requires_payment_method"
    assert re.fullmatch(r"pi_\w+_secret_\w+", intent.client_secret or "")
    assert intent.livemode is False
    paid = api.v1.payment_intents.confirm(
        intent.id, {"payment_method": "pm_card_visa", "expand": ["latest_charge"]}
    )
    assert (paid.status, paid.amount_received) == ("succeeded", 4250)
    charge = paid.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (charge.paid, charge.captured, charge.amount_refunded) == (True, True, 0)
    assert charge.metadata["booking_id"] == "b-1"


@pytest.mark.parametrize(
    ("card", "code", "reason"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
    ],
)
def test_a_declined_card_sends_the_intent_back_for_another(
    api: stripe.StripeClient, card: str, code: str, reason: str | None
) -> None:
    intent = make_intent(api)
    with pytest.raises(stripe.CardError) as caught:
        api.v1.payment_intents.confirm(intent.id, {"payment_method": card})
    error = caught.value
    assert (error.http_status, error.code) == (402, code)
    assert error.error is not None
    assert getattr(error.error, "decline_code", None) == reason
    assert error.error.payment_intent is not None
    assert error.error.payment_intent.status == "requires_payment_method"
    after = api.v1.payment_intents.retrieve(intent.id)
    assert after.last_payment_error is not None
    assert (after.last_payment_error.code, after.payment_method) == (code, None)
    again = api.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert (again.status, again.last_payment_error) == ("succeeded", None)
    charges = api.v1.charges.list({"payment_intent": intent.id}).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]


def test_it_confirms_at_creation(api: stripe.StripeClient) -> None:
    intent = make_intent(api, confirm=True, payment_method="pm_card_visa")
    assert intent.status == "succeeded"


def test_a_server_must_give_a_return_url_when_methods_may_redirect(
    api: stripe.StripeClient,
) -> None:
    intent = api.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError, match="you must provide a `return_url`"):
        api.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    paid = api.v1.payment_intents.confirm(
        intent.id, {"payment_method": "pm_card_visa", "return_url": "http://127.0.0.1/done"}
    )
    assert paid.status == "succeeded"


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"amount": "4.5"}, "parameter_invalid_integer", "amount"),
        ({"currency": "xyz"}, None, "currency"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"automatic_payment_methods": {"on": True}}, "parameter_unknown",
         "automatic_payment_methods[on]"),
        ({"shipping": {"phone": "1"}}, "parameter_missing", "shipping[name]"),
        ({"allowed_payment_method_types": ["klarna"]}, None, "allowed_payment_method_types"),
        ({"metadata": {"k" * 41: "v"}}, None, "metadata"),
        ({"metadata": {"k": "v" * 501}}, None, "metadata[k]"),
        ({"customer": "cus_none"}, "resource_missing", "customer"),
        ({"transfer_data": {"destination": "acct_1"}}, "sandbox_not_played", "transfer_data"),
        ({"capture_method": "later"}, None, "capture_method"),
        ({"payment_method": "pm_none"}, "resource_missing", "payment_method"),
    ],
)  # fmt: skip
def test_it_refuses_parameters_that_stripe_refuses(
    api: stripe.StripeClient,
    sandbox: Running,
    params: dict[str, object],
    code: str | None,
    param: str,
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        make_intent(api, **params)
    assert (caught.value.http_status, caught.value.code, caught.value.param) == (400, code, param)
    assert sandbox.ledger()["payment_intents"] == []
    assert sandbox.ledger()["events"] == []


def test_amount_and_currency_are_required(api: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        api.v1.payment_intents.create({"currency": "usd"})  # type: ignore[typeddict-item] # wanted
    assert (caught.value.code, caught.value.param) == ("parameter_missing", "amount")


def test_a_succeeded_intent_can_neither_be_canceled_nor_confirmed_again(
    api: stripe.StripeClient,
) -> None:
    intent = paid_intent(api)
    with pytest.raises(stripe.InvalidRequestError, match="status of succeeded") as caught:
        api.v1.payment_intents.cancel(intent.id)
    assert caught.value.code == "payment_intent_unexpected_state"
    assert caught.value.error is not None
    assert caught.value.error.payment_intent is not None
    assert caught.value.error.payment_intent.status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="already succeeded"):
        api.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    with pytest.raises(stripe.InvalidRequestError, match="amount could not be updated"):
        api.v1.payment_intents.update(intent.id, {"amount": 5000})
    assert len(api.v1.charges.list({"payment_intent": intent.id}).data) == 1


def test_a_canceled_intent_takes_no_card(api: stripe.StripeClient) -> None:
    intent = make_intent(api)
    gone = api.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
    assert (gone.status, gone.cancellation_reason) == ("canceled", "abandoned")
    assert gone.canceled_at is not None
    with pytest.raises(stripe.InvalidRequestError, match="status of canceled"):
        api.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    with pytest.raises(stripe.InvalidRequestError):
        api.v1.payment_intents.cancel(intent.id)


def test_an_update_changes_amount_and_merges_metadata(api: stripe.StripeClient) -> None:
    intent = make_intent(api)
    after = api.v1.payment_intents.update(
        intent.id, {"amount": 5000, "metadata": {"booking_id": "", "extra": "x"}}
    )
    assert after.amount == 5000
    assert after.metadata.to_dict() == {
        "payment_id": "p-1", "reference": "HMNP-1", "extra": "x"
    }  # fmt: skip
    waiting = api.v1.payment_intents.update(intent.id, {"payment_method": "pm_card_visa"})
    assert waiting.status == "requires_confirmation"
    assert api.v1.payment_intents.confirm(intent.id).amount_received == 5000


def test_a_manual_intent_is_captured_in_part_and_the_rest_goes_back(
    api: stripe.StripeClient,
) -> None:
    intent = make_intent(api, capture_method="manual")
    held = api.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert (held.status, held.amount_capturable) == ("requires_capture", 4250)
    with pytest.raises(stripe.InvalidRequestError, match="greater than the amount_capturable"):
        api.v1.payment_intents.capture(intent.id, {"amount_to_capture": 9999})
    done = api.v1.payment_intents.capture(
        intent.id, {"amount_to_capture": 4000, "expand": ["latest_charge"]}
    )
    assert (done.status, done.amount_received) == ("succeeded", 4000)
    assert isinstance(done.latest_charge, stripe.Charge)
    assert done.latest_charge.amount_captured == 4000


def test_an_authorisation_lapses_after_seven_days(
    api: stripe.StripeClient, sandbox: Running
) -> None:
    intent = make_intent(api, capture_method="manual")
    api.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    sandbox.post("/_sandbox/advance", {"seconds": 7 * 24 * 3600 + 1})
    after = api.v1.payment_intents.retrieve(intent.id)
    assert (after.status, after.cancellation_reason) == ("canceled", "automatic")


@pytest.mark.parametrize(
    ("card", "end"),
    [("pm_sandbox_processing", "succeeded"), ("pm_sandbox_processingFails",
                                              "requires_payment_method")],
)  # fmt: skip
def test_a_slow_payment_is_processing_first_and_cannot_be_canceled_meanwhile(
    api: stripe.StripeClient, sandbox: Running, card: str, end: str
) -> None:
    sandbox.post("/_sandbox/webhooks", {"processing_seconds": 600})
    intent = paid_intent(api, card)
    assert intent.status == "processing"
    with pytest.raises(stripe.InvalidRequestError, match="status of processing"):
        api.v1.payment_intents.cancel(intent.id)
    sandbox.post("/_sandbox/advance", {"seconds": 599})
    assert api.v1.payment_intents.retrieve(intent.id).status == "processing"
    sandbox.post("/_sandbox/advance", {"seconds": 2})
    after = api.v1.payment_intents.retrieve(intent.id)
    assert after.status == end
    assert (after.last_payment_error is None) == (end == "succeeded")


def test_lists_page_newest_first_and_filter_by_time_and_customer(
    api: stripe.StripeClient, sandbox: Running
) -> None:
    customer = api.v1.customers.create({"email": "a@example.com"})
    ids = [make_intent(api, customer=customer.id).id for _ in range(3)]
    sandbox.post("/_sandbox/advance", {"seconds": 100})
    late = [make_intent(api).id for _ in range(4)]
    everything = api.v1.payment_intents.list({"limit": 2})
    assert everything.has_more
    assert [pi.id for pi in everything.auto_paging_iter()] == [*late[::-1], *ids[::-1]]
    mine = api.v1.payment_intents.list({"customer": customer.id})
    assert [pi.id for pi in mine.data] == ids[::-1]
    since = api.v1.payment_intents.retrieve(late[0]).created
    assert len(api.v1.payment_intents.list({"created": {"gte": since}}).data) == 4
    assert len(api.v1.payment_intents.list({"created": {"lt": since}}).data) == 3
    before = api.v1.payment_intents.list({"ending_before": ids[0], "limit": 2})
    assert [pi.id for pi in before.data] == [ids[2], ids[1]]
    with pytest.raises(stripe.InvalidRequestError):
        api.v1.payment_intents.list({"limit": 101})
    with pytest.raises(stripe.InvalidRequestError):
        api.v1.payment_intents.list({"starting_after": "pi_none"})


def test_expand_follows_paths_and_refuses_what_is_no_object(api: stripe.StripeClient) -> None:
    intent = paid_intent(api)
    api.v1.refunds.create({"payment_intent": intent.id, "amount": 100})
    full = api.v1.payment_intents.retrieve(
        intent.id, {"expand": ["latest_charge.refunds", "payment_method"]}
    )
    assert isinstance(full.latest_charge, stripe.Charge)
    assert full.latest_charge.refunds is not None
    assert [refund.amount for refund in full.latest_charge.refunds.data] == [100]
    assert isinstance(full.payment_method, stripe.PaymentMethod)
    listed = api.v1.payment_intents.list({"expand": ["data.latest_charge"]})
    assert isinstance(listed.data[0].latest_charge, stripe.Charge)
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        api.v1.payment_intents.retrieve(intent.id, {"expand": ["amount"]})


def test_an_unknown_intent_is_a_404(api: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No such payment_intent") as caught:
        api.v1.payment_intents.retrieve("pi_none")
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")


def test_a_server_may_not_send_card_numbers(api: stripe.StripeClient) -> None:
    with pytest.raises(stripe.StripeError, match="generally unsafe"):
        make_intent(
            api,
            payment_method_data={
                "type": "card",
                "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040},
            },
        )


def test_no_card_number_is_ever_stored(sandbox: Running) -> None:
    with sandbox.http(auth=("pk_test_sandbox", "")) as browser:
        answer = browser.post("/v1/payment_methods", data={
            "type": "card", "card[number]": "4242 4242 4242 4242", "card[exp_month]": "12",
            "card[exp_year]": "2040", "card[cvc]": "987"})  # fmt: skip
        assert answer.status_code == 200, answer.text
        assert answer.json()["card"]["last4"] == "4242"
    raw = b"".join(path.read_bytes() for path in sandbox.data.parent.glob(sandbox.data.name + "*"))
    assert answer.json()["id"].encode() in raw
    assert b"424242424242" not in raw
    assert b"987" not in answer.content

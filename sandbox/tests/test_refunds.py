"""Refunds and disputes: never more goes back than came in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe

from sandbox.tests.driving import Running, make_intent, paid_intent


def test_parts_go_back_until_nothing_is_left(api: stripe.StripeClient) -> None:
    intent = paid_intent(api)
    first = api.v1.refunds.create(
        {"payment_intent": intent.id, "amount": 1000, "reason": "requested_by_customer",
         "metadata": {"refund_id": "r-1"}}
    )  # fmt: skip
    assert (first.status, first.amount, first.metadata) is not None
    assert (first.status, first.charge) == ("succeeded", intent.latest_charge)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded") as caught:
        api.v1.refunds.create({"payment_intent": intent.id, "amount": 3251})
    assert (caught.value.http_status, caught.value.code) == (400, "amount_too_large")
    rest = api.v1.refunds.create({"charge": str(intent.latest_charge)})
    assert rest.amount == 3250
    with pytest.raises(stripe.InvalidRequestError) as caught:
        api.v1.refunds.create({"payment_intent": intent.id})
    assert caught.value.code == "charge_already_refunded"
    charge = api.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.amount_refunded, charge.refunded) == (4250, True)
    refunds = api.v1.refunds.list({"payment_intent": intent.id}).data
    assert [refund.id for refund in refunds] == [rest.id, first.id]
    assert api.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_parallel_refunds_never_exceed_the_charge(
    sandbox: Running, api: stripe.StripeClient
) -> None:
    intent = paid_intent(api)

    def refund(_: int) -> int:
        try:
            client = sandbox.client()
            return client.v1.refunds.create({"payment_intent": intent.id, "amount": 1500}).amount
        except stripe.InvalidRequestError:
            return 0

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(refund, range(8))) == 3000


def test_an_unpaid_intent_has_nothing_to_refund(api: stripe.StripeClient) -> None:
    intent = make_intent(api)
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        api.v1.refunds.create({"payment_intent": intent.id})
    held = make_intent(api, capture_method="manual", confirm=True, payment_method="pm_card_visa")
    with pytest.raises(stripe.InvalidRequestError):
        api.v1.refunds.create({"charge": str(held.latest_charge)})


@pytest.mark.parametrize(
    "params",
    [{}, {"payment_intent": "pi_x", "charge": "ch_x"}, {"payment_intent": "pi_none"},
     {"charge": "ch_none"}],
)  # fmt: skip
def test_a_refund_names_one_thing_that_exists(
    api: stripe.StripeClient, params: stripe.params.RefundCreateParams
) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        api.v1.refunds.create(params)


def test_a_refund_amount_must_be_positive_and_its_reason_known(api: stripe.StripeClient) -> None:
    intent = paid_intent(api)
    wishes: list[Any] = [{"amount": 0}, {"amount": -5}, {"reason": "changed my mind"}]
    for extra in wishes:
        wish: Any = {"payment_intent": intent.id, **extra}
        with pytest.raises(stripe.InvalidRequestError):
            api.v1.refunds.create(wish)
    assert api.v1.refunds.list().data == []


def test_a_pending_refund_succeeds_later(api: stripe.StripeClient, sandbox: Running) -> None:
    intent = paid_intent(api, "pm_card_pendingRefund")
    refund = api.v1.refunds.create({"payment_intent": intent.id})
    assert refund.status == "pending"
    sandbox.post("/_sandbox/advance", {"seconds": 60})
    assert api.v1.refunds.retrieve(refund.id).status == "succeeded"
    assert api.v1.events.list({"type": "refund.updated"}).data[0].data.object["id"] == refund.id


def test_a_refund_may_fail_after_it_succeeded_and_the_money_is_there_again(
    api: stripe.StripeClient, sandbox: Running
) -> None:
    intent = paid_intent(api, "pm_card_refundFail")
    refund = api.v1.refunds.create({"payment_intent": intent.id, "amount": 4000})
    assert refund.status == "succeeded"
    sandbox.post("/_sandbox/advance", {"seconds": 60})
    after = api.v1.refunds.retrieve(refund.id)
    assert (after.status, after.failure_reason) == ("failed", "expired_or_canceled_card")
    assert api.v1.charges.retrieve(str(intent.latest_charge)).amount_refunded == 0
    assert len(api.v1.events.list({"type": "refund.failed"}).data) == 1
    again = api.v1.refunds.create({"payment_intent": intent.id, "amount": 4250})
    assert again.amount == 4250


def test_a_refund_takes_metadata_and_cannot_be_canceled(api: stripe.StripeClient) -> None:
    refund = api.v1.refunds.create({"payment_intent": paid_intent(api).id})
    after = api.v1.refunds.update(refund.id, {"metadata": {"a": "b"}})
    assert after.metadata is not None
    assert after.metadata["a"] == "b"
    with pytest.raises(stripe.InvalidRequestError, match="cannot cancel"):
        api.v1.refunds.cancel(refund.id)


def test_a_dispute_freezes_refunds_until_it_is_won(
    api: stripe.StripeClient, sandbox: Running
) -> None:
    intent = paid_intent(api)
    opened = sandbox.post("/_sandbox/disputes", {"payment_intent": intent.id})
    assert api.v1.disputes.retrieve(opened["id"]).status == "needs_response"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        api.v1.refunds.create({"payment_intent": intent.id})
    assert caught.value.code == "charge_disputed"
    sandbox.post(f"/_sandbox/disputes/{opened['id']}/close", {"status": "won"})
    assert api.v1.refunds.create({"payment_intent": intent.id}).status == "succeeded"
    types = [event.type for event in api.v1.events.list({"type": "charge.dispute.*"}).data]
    assert types == ["charge.dispute.funds_reinstated", "charge.dispute.closed",
                     "charge.dispute.funds_withdrawn", "charge.dispute.created"]  # fmt: skip


def test_the_dispute_card_opens_one_by_itself(api: stripe.StripeClient, sandbox: Running) -> None:
    intent = paid_intent(api, "pm_card_createDispute")
    sandbox.post("/_sandbox/advance", {"seconds": 10})
    disputes = api.v1.disputes.list({"payment_intent": intent.id}).data
    assert [dispute.amount for dispute in disputes] == [4250]

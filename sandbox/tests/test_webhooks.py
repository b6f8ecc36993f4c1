"""Events reach their endpoints: signed, again until taken, also after a kill."""

from __future__ import annotations

import socket
import time

import pytest
import stripe

from sandbox.tests.driving import (
    SECRET,
    Receiver,
    Running,
    free_port,
    make_intent,
    paid_intent,
    wait_for,
    web,
)


@pytest.fixture
def hooked(sandbox: Running, receiver: Receiver) -> Receiver:
    sandbox.post("/_sandbox/webhook_endpoints", {"url": receiver.url, "secret": SECRET})
    return receiver


def settled(sandbox: Running) -> bool:
    return bool(web.get(f"{sandbox.url}/_sandbox/webhooks").json()["pending"] == 0)


def test_every_step_is_told_signed_and_with_the_whole_object(
    sandbox: Running, api: stripe.StripeClient, hooked: Receiver
) -> None:
    intent = make_intent(api)
    with pytest.raises(stripe.CardError):
        api.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_chargeDeclined"})
    api.v1.payment_intents.confirm(
        intent.id, {"payment_method": "pm_card_visa"}, {"idempotency_key": "confirm-1"}
    )
    api.v1.refunds.create({"payment_intent": intent.id, "amount": 100})
    wait_for(lambda: settled(sandbox))
    assert sorted(hooked.types) == sorted([
        "payment_intent.created", "charge.failed", "payment_intent.payment_failed",
        "charge.succeeded", "payment_intent.succeeded", "refund.created", "charge.refunded",
    ])  # fmt: skip
    paid = next(event for event in hooked.events if event.type == "payment_intent.succeeded")
    assert paid.api_version == stripe.api_version
    assert paid.livemode is False
    assert paid.data.object["metadata"]["booking_id"] == "b-1"
    assert paid.data.object["latest_charge"].startswith("ch_")
    assert paid.request is not None
    assert paid.request.idempotency_key == "confirm-1"
    assert paid.pending_webhooks == 1
    refunded = next(event for event in hooked.events if event.type == "charge.refunded")
    assert refunded.data.object["amount_refunded"] == 100
    assert all("_" not in event.data.object for event in hooked.events)


@pytest.mark.parametrize(
    ("card", "kind"),
    [("pm_card_threeDSecure2Required", "payment_intent.requires_action"),
     ("pm_sandbox_processing", "payment_intent.processing")],
)  # fmt: skip
def test_waiting_states_are_told(
    api: stripe.StripeClient, hooked: Receiver, card: str, kind: str
) -> None:
    paid_intent(api, card)
    wait_for(lambda: kind in hooked.types)


def test_cancel_and_authorisation_are_told(
    sandbox: Running, api: stripe.StripeClient, hooked: Receiver
) -> None:
    intent = make_intent(api, capture_method="manual", confirm=True, payment_method="pm_card_visa")
    api.v1.payment_intents.cancel(intent.id)
    wait_for(lambda: settled(sandbox))
    assert "payment_intent.canceled" in hooked.types
    assert "payment_intent.amount_capturable_updated" in hooked.types
    assert "payment_intent.succeeded" not in hooked.types


def test_it_tries_again_until_it_is_taken_with_a_fresh_signature(
    sandbox: Running, api: stripe.StripeClient, hooked: Receiver
) -> None:
    hooked.status = 500
    make_intent(api)
    wait_for(lambda: hooked.refused >= 2)
    failed = api.v1.events.list({"delivery_success": False}).data
    assert [event.type for event in failed] == ["payment_intent.created"]
    assert failed[0].pending_webhooks == 1
    assert api.v1.events.list({"delivery_success": True}).data == []
    time.sleep(1.1)  # signatures carry whole seconds
    hooked.status = 200
    wait_for(lambda: hooked.events)
    wait_for(lambda: settled(sandbox))
    assert api.v1.events.list({"delivery_success": False}).data == []
    signed_at = int(hooked.signatures[0].partition(",")[0].removeprefix("t="))
    assert signed_at > hooked.events[0].created
    assert api.v1.events.retrieve(failed[0].id).pending_webhooks == 0


def test_undelivered_events_are_sent_after_a_kill_and_restart(
    own_sandbox: Running, receiver: Receiver
) -> None:
    receiver.status = 503
    own_sandbox.post("/_sandbox/webhook_endpoints", {"url": receiver.url, "secret": SECRET})
    intent = paid_intent(own_sandbox.client())
    own_sandbox.kill()
    receiver.status = 200
    own_sandbox.start()
    told = {intent.id, intent.latest_charge}
    wait_for(lambda: {event.data.object["id"] for event in receiver.events} == told)


def test_pausing_holds_all_and_resuming_sends_all(
    sandbox: Running, api: stripe.StripeClient, hooked: Receiver
) -> None:
    sandbox.post("/_sandbox/webhooks", {"paused": True})
    time.sleep(0.3)
    make_intent(api)
    time.sleep(0.6)
    assert hooked.events == []
    sandbox.post("/_sandbox/webhooks", {"paused": False})
    wait_for(lambda: hooked.types == ["payment_intent.created"])


def test_duplicates_carry_the_same_event(
    sandbox: Running, api: stripe.StripeClient, hooked: Receiver
) -> None:
    sandbox.post("/_sandbox/webhooks", {"duplicate": 4})
    make_intent(api)
    wait_for(lambda: len(hooked.events) == 5)
    assert len({event.id for event in hooked.events}) == 1


def test_shuffling_changes_the_order(
    sandbox: Running, api: stripe.StripeClient, hooked: Receiver
) -> None:
    sandbox.post("/_sandbox/webhooks", {"shuffle": True, "paused": True})
    made = [make_intent(api).id for _ in range(12)]
    sandbox.post("/_sandbox/webhooks", {"paused": False})
    wait_for(lambda: len(hooked.events) == 12)
    told = [event.data.object["id"] for event in hooked.events]
    assert sorted(told) == sorted(made)
    assert told != made


def test_dropped_events_never_arrive_but_are_found_in_the_list(
    sandbox: Running, api: stripe.StripeClient, hooked: Receiver
) -> None:
    sandbox.post("/_sandbox/webhooks", {"drop": 1})
    lost = make_intent(api)
    told = make_intent(api)
    wait_for(lambda: hooked.events)
    time.sleep(0.5)
    assert [event.data.object["id"] for event in hooked.events] == [told.id]
    missed = api.v1.events.list({"delivery_success": False, "types": ["payment_intent.created"]})
    assert [event.data.object["id"] for event in missed.data] == [lost.id]
    sandbox.post(f"/_sandbox/events/{missed.data[0].id}/resend")
    wait_for(lambda: len(hooked.events) == 2)


def test_events_filter_by_type_and_pattern(api: stripe.StripeClient) -> None:
    paid_intent(api)
    both = api.v1.events.list({"types": ["payment_intent.succeeded", "charge.*"]}).data
    assert sorted(event.type for event in both) == ["charge.succeeded", "payment_intent.succeeded"]
    with pytest.raises(stripe.InvalidRequestError):
        api.v1.events.list({"type": "charge.*", "types": ["charge.*"]})


def test_events_are_listed_for_thirty_days(api: stripe.StripeClient, sandbox: Running) -> None:
    old = make_intent(api)
    sandbox.post("/_sandbox/advance", {"seconds": 30 * 24 * 3600})
    new = make_intent(api)
    listed = [event.data.object["id"] for event in api.v1.events.list().data]
    assert listed == [new.id]
    assert api.v1.payment_intents.retrieve(old.id).id == old.id


def test_an_endpoint_takes_only_the_events_it_asks_for(
    sandbox: Running, api: stripe.StripeClient, receiver: Receiver
) -> None:
    added = sandbox.post(
        "/_sandbox/webhook_endpoints",
        {"url": receiver.url, "secret": SECRET, "enabled_events": ["payment_intent.succeeded"]},
    )
    paid_intent(api)
    wait_for(lambda: receiver.events)
    assert receiver.types == ["payment_intent.succeeded"]
    web.delete(f"{sandbox.url}/_sandbox/webhook_endpoints/{added['id']}")
    paid_intent(api)
    time.sleep(0.4)
    assert receiver.types == ["payment_intent.succeeded"]


@pytest.mark.parametrize(
    "body",
    [{"url": "http://203.0.113.7/hook", "secret": "s"}, {"url": "ftp://127.0.0.1/", "secret": "s"},
     {"url": "http://127.0.0.1:1/hook"}, {}],
)  # fmt: skip
def test_endpoints_stay_on_loopback_and_have_a_secret(
    sandbox: Running, body: dict[str, str]
) -> None:
    answer = web.post(f"{sandbox.url}/_sandbox/webhook_endpoints", json=body)
    assert answer.status_code == 400


def test_a_dead_receiver_does_not_hold_up_the_api(
    sandbox: Running, api: stripe.StripeClient
) -> None:
    sandbox.post(
        "/_sandbox/webhook_endpoints",
        {"url": f"http://127.0.0.1:{free_port()}/hook", "secret": SECRET},
    )
    started = time.monotonic()
    paid_intent(api)
    assert time.monotonic() - started < 5
    assert not settled(sandbox)


@pytest.mark.parametrize(
    "knob", [{"duplicate": "2"}, {"shuffle": 1}, {"sideways": True}, {"refund_seconds": -1}]
)
def test_knobs_that_make_no_sense_are_refused(sandbox: Running, knob: dict[str, object]) -> None:
    assert web.post(f"{sandbox.url}/_sandbox/webhooks", json=knob).status_code == 400


def test_the_configured_endpoint_moves_with_its_undelivered_events(
    own_sandbox: Running, receiver: Receiver
) -> None:
    own_sandbox.kill()
    own_sandbox.start("--webhook-url", f"http://127.0.0.1:{free_port()}/old")
    make_intent(own_sandbox.client())
    own_sandbox.kill()
    own_sandbox.start("--webhook-url", receiver.url)
    wait_for(lambda: receiver.types == ["payment_intent.created"])
    found = web.get(f"{own_sandbox.url}/_sandbox/webhook_endpoints").json()["data"]
    assert [each["url"] for each in found] == [receiver.url]


def test_a_hanging_receiver_does_not_hold_up_the_end(own_sandbox: Running) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/hook"
        own_sandbox.post("/_sandbox/webhook_endpoints", {"url": url, "secret": SECRET})
        make_intent(own_sandbox.client())
        line, _ = silent.accept()
        with line:
            started = time.monotonic()
            assert own_sandbox.stop() == 0
            assert time.monotonic() - started < 10

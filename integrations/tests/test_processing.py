"""What becomes of stored events: acted on once, parked, kept; never just forgotten."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.utils import timezone

from bookings.models import Booking
from integrations import doors, inbox, processing, tasks
from integrations.doors import DOORS
from integrations.errors import ConnectorError
from integrations.inbound import VerifiedEvent
from integrations.mail.tests.test_mapping import make_refund
from integrations.models import InboxEvent, OutboxJob
from integrations.states import InboxState, Provider
from payments import stripe_gateway
from payments.models import Payment, Refund

pytestmark = pytest.mark.django_db


def stored(kind: str, thing: dict[str, Any], *, provider: Provider = Provider.STRIPE) -> InboxEvent:
    event_id = f"evt_{uuid4().hex}"
    body = json.dumps(
        {"id": event_id, "type": kind, "created": int(time.time()), "data": {"object": thing}}
    )
    event = VerifiedEvent(
        provider=provider,
        event_id=event_id,
        type=kind,
        object_id=str(thing["id"]),
        body=body.encode(),
    )
    assert inbox.store(event=event)
    return InboxEvent.objects.get(event_id=event_id)


def process(event: InboxEvent) -> InboxEvent:
    processing.process(inbox_id=event.pk)
    event.refresh_from_db()
    return event


def make_due(event: InboxEvent) -> None:
    InboxEvent.objects.filter(pk=event.pk).update(run_at=timezone.now() - timedelta(seconds=1))


def make_balance_payment(booking: Booking, cents: int) -> Payment:
    """A payment of the balance whose intent is open at the sandbox."""
    now = timezone.now()
    payment = Payment(
        booking=booking,
        kind="BALANCE",
        status="REQUIRES_PAYMENT",
        amount_cents=cents,
        idempotency_key=f"pi-{uuid4()}",
        intent_requested_at=now,
        created_at=now,
        updated_at=now,
    )
    intent = stripe_gateway.create_intent(
        amount_cents=cents,
        currency="USD",
        idempotency_key=payment.idempotency_key,
        metadata={"payment_id": str(payment.pk)},
    )
    payment.provider_intent_id = intent.id
    payment.save()
    return payment


def pay(sandbox_url: str, payment: Payment, method: str = "pm_card_visa") -> None:
    httpx.post(
        f"{sandbox_url}/v1/payment_intents/{payment.provider_intent_id}/confirm",
        data={"payment_method": method},
        headers={"Authorization": "Bearer sk_test_sandbox"},
    )


def intent_thing(payment: Payment) -> dict[str, Any]:
    return {
        "id": payment.provider_intent_id,
        "object": "payment_intent",
        "metadata": {"payment_id": str(payment.pk)},
    }


def test_a_paid_intent_is_settled_once_however_often_it_is_told(
    booking: Booking, sandbox_url: str
) -> None:
    payment = make_balance_payment(booking, 2000)
    pay(sandbox_url, payment)
    paid_before = booking.amount_paid_cents
    for kind in ("payment_intent.succeeded", "payment_intent.created", "payment_intent.succeeded"):
        assert process(stored(kind, intent_thing(payment))).state == InboxState.DONE
    payment.refresh_from_db()
    booking.refresh_from_db()
    assert payment.status == "SUCCEEDED"
    assert booking.amount_paid_cents == paid_before + 2000


def test_an_event_that_says_paid_is_not_believed(booking: Booking, sandbox_url: str) -> None:
    payment = make_balance_payment(booking, 2000)
    event = stored("payment_intent.succeeded", {**intent_thing(payment), "status": "succeeded"})
    assert process(event).state == InboxState.DONE
    payment.refresh_from_db()
    assert payment.status == "REQUIRES_PAYMENT"


def test_a_declined_card_is_told_to_the_customer(booking: Booking, sandbox_url: str) -> None:
    payment = make_balance_payment(booking, 2000)
    pay(sandbox_url, payment, "pm_card_chargeDeclined")
    process(stored("payment_intent.payment_failed", intent_thing(payment)))
    assert OutboxJob.objects.get().message_kind == "payment_failed"


def test_an_event_about_an_unknown_intent_is_parked_until_we_know_it(
    booking: Booking, sandbox_url: str
) -> None:
    payment = make_balance_payment(booking, 2000)
    intent_id, payment.provider_intent_id = payment.provider_intent_id, None
    payment.save()
    event = process(
        stored("payment_intent.succeeded", {"id": intent_id, "object": "payment_intent"})
    )
    assert (event.state, event.attempts) == (InboxState.PARKED, 1)
    assert event.run_at > timezone.now()
    assert process(event).attempts == 1, "it is not due yet"
    Payment.objects.filter(pk=payment.pk).update(provider_intent_id=intent_id)
    make_due(event)
    assert process(event).state == InboxState.DONE


def test_what_stays_unknown_for_three_days_calls_a_person(
    caplog: pytest.LogCaptureFixture,
) -> None:
    event = stored("payment_intent.succeeded", {"id": "pi_unknown", "object": "payment_intent"})
    InboxEvent.objects.filter(pk=event.pk).update(give_up_at=timezone.now())
    assert process(event).state == InboxState.DEAD
    assert [record.levelname for record in caplog.records if "dead" in record.message] == ["ERROR"]
    assert inbox.replay(inbox_id=event.pk)
    assert not inbox.replay(inbox_id=event.pk)
    assert process(event).state == InboxState.PARKED


def test_a_refund_that_stripe_reports_is_recorded(booking: Booking, sandbox_url: str) -> None:
    payment = make_balance_payment(booking, 5000)
    pay(sandbox_url, payment)
    process(stored("payment_intent.succeeded", intent_thing(payment)))
    refund = make_refund(booking, 1500)
    Refund.objects.filter(pk=refund.pk).update(payment=payment, status="PENDING")
    at_stripe = stripe_gateway.create_refund(
        intent_id=str(payment.provider_intent_id),
        amount_cents=1500,
        idempotency_key=refund.idempotency_key,
        metadata={"refund_id": str(refund.pk)},
    )
    thing = {"id": at_stripe.id, "object": "refund", "metadata": {"refund_id": str(refund.pk)}}
    charge = {"id": "ch_1", "object": "charge", "payment_intent": payment.provider_intent_id}
    for event in (
        stored("charge.refunded", charge),
        stored("refund.created", thing),
        stored("refund.updated", thing),
        stored("charge.refund.updated", thing),
    ):
        process(event)
    refund.refresh_from_db()
    booking.refresh_from_db()
    assert (refund.status, refund.provider_refund_id) == ("SUCCEEDED", at_stripe.id)
    assert booking.amount_refunded_cents == 1500
    early = InboxEvent.objects.get(type="charge.refunded")
    assert early.state == InboxState.PARKED, "it came before the refund was known"
    make_due(early)
    assert process(early).state == InboxState.DONE


def test_a_refund_made_elsewhere_is_parked() -> None:
    event = process(stored("refund.created", {"id": "re_other", "object": "refund"}))
    assert (event.state, event.last_error) == (
        InboxState.PARKED,
        "no refund of ours has this id yet",
    )


@pytest.mark.parametrize(
    ("kind", "thing", "state"),
    [
        ("customer.created", {"id": "cus_1", "object": "customer"}, InboxState.IGNORED),
        ("charge.succeeded", {"id": "ch_1", "object": "charge"}, InboxState.IGNORED),
        ("charge.dispute.created", {"id": "dp_1", "object": "dispute"}, InboxState.PARKED),
    ],
)
def test_other_kinds_end_where_they_can_be_found(
    kind: str, thing: dict[str, Any], state: InboxState
) -> None:
    assert process(stored(kind, thing)).state == state


def test_every_provider_has_a_door() -> None:
    assert set(DOORS) == set(Provider)


def test_while_stripe_does_not_answer_the_event_waits(booking: Booking, sandbox_url: str) -> None:
    payment = make_balance_payment(booking, 2000)
    pay(sandbox_url, payment)
    fault = {"match": {"path": "/v1/payment_intents"}, "action": "error_500", "times": -1}
    httpx.post(f"{sandbox_url}/_sandbox/faults", json=fault).raise_for_status()
    event = stored("payment_intent.succeeded", intent_thing(payment))
    try:
        assert process(event).state == InboxState.PARKED
        assert event.last_error
    finally:
        httpx.delete(f"{sandbox_url}/_sandbox/faults")
    make_due(event)
    assert process(event).state == InboxState.DONE


def test_a_mistake_of_ours_parks_the_event_and_names_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stumble(event: InboxEvent) -> InboxState:
        raise KeyError("canary.customer@example.com")

    door = DOORS[Provider.STRIPE]
    monkeypatch.setitem(
        doors.DOORS, Provider.STRIPE, doors.Door(door.verify, stumble, door.unstored)
    )
    event = process(stored("payment_intent.succeeded", {"id": "pi_1", "object": "payment_intent"}))
    assert event.state == InboxState.PARKED
    assert event.last_error.startswith("KeyError at test_processing.py:")


def test_a_worker_that_died_leaves_its_event_due_again_and_cannot_finish_it_late() -> None:
    event = stored("customer.created", {"id": "cus_1", "object": "customer"})
    stale = inbox.claim(inbox_id=event.pk)
    assert stale is not None
    assert inbox.claim(inbox_id=event.pk) is None
    assert inbox.due() == []
    make_due(event)
    assert inbox.due() == [event.pk]
    fresh = inbox.claim(inbox_id=event.pk)
    assert fresh is not None
    assert not inbox.finish(event=stale, state=InboxState.DONE)
    assert not inbox.park(event=stale, reason="late")
    assert inbox.finish(event=fresh, state=InboxState.DONE)
    assert inbox.claim(inbox_id=event.pk) is None


def test_the_tasks_take_ids_and_do_the_same(booking: Booking) -> None:
    event = stored("customer.created", {"id": "cus_1", "object": "customer"})
    assert tasks.sweep_inbox() == 1
    tasks.process_event(str(event.pk))
    event.refresh_from_db()
    assert event.state == InboxState.IGNORED
    assert tasks.sweep_inbox() == 0
    assert tasks.sweep_outbox() == 0


def test_an_error_says_whether_trying_again_can_help() -> None:
    assert not ConnectorError("x").permanent
    assert ConnectorError("x", permanent=True).permanent

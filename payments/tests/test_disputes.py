"""A customer's bank asks money back: refunds wait, a person is called, the books follow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bookings.actions.cancel_booking import cancel_booking
from bookings.models import Booking, TimelineEvent
from bookings.states import BookingStatus
from bookings.tests.factories import CUSTOMER, NOW, book
from payments.actions.settle_payment import settle_payment
from payments.actions.take_hint import HintOutcome, take_hint
from payments.models import Dispute, Payment, Refund
from payments.provider import StripeEvent
from payments.states import DisputeState, PaymentStatus, RefundState
from payments.tests.driving import Stripe
from payments.tests.steps import (
    booking_now,
    breaches,
    cases,
    open_for_booking,
    pay,
    payment_now,
    sweep,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stripe", "notary")]

DAY = timedelta(days=1)


@pytest.fixture
def paid(stripe: Stripe) -> tuple[Booking, Payment]:
    """A confirmed booking with its deposit charged."""
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened)
    return booking, settle_payment(payment_id=opened.payment.pk, now=NOW)


def _dispute(stripe: Stripe, payment: Payment) -> dict[str, Any]:
    found: dict[str, Any] = stripe.turn(
        "disputes", {"payment_intent": str(payment.provider_intent_id)}
    )
    return found


def _hint(dispute_id: str) -> HintOutcome:
    return take_hint(
        event=StripeEvent(
            id="evt_1",
            type="charge.dispute.created",
            created_at=NOW,
            object_type="dispute",
            object_id=dispute_id,
            intent_id="",
            metadata={},
        ),
        now=NOW,
    )


def _cases() -> list[tuple[str, bool]]:
    return [
        (case.repair, case.closed_at is None)
        for case in cases().filter(kind="DISPUTE").order_by("opened_at")
    ]


def test_a_dispute_opens_a_case_once_and_is_on_the_timeline(
    stripe: Stripe, paid: tuple[Booking, Payment]
) -> None:
    booking, payment = paid
    dispute = _dispute(stripe, payment)
    for _ in range(2):
        assert _hint(dispute["id"]) is HintOutcome.DONE
    row = Dispute.objects.get()
    assert (row.payment_id, row.amount_cents, row.state) == (payment.pk, 4250, DisputeState.OPEN)
    assert _cases() == [("answer_at_stripe", True)]
    assert TimelineEvent.objects.filter(booking=booking, metadata__dispute="OPEN").count() == 1
    assert booking_now(booking).status == BookingStatus.CONFIRMED
    assert breaches() == []


def test_refunds_wait_while_it_is_open_and_go_when_it_is_won(
    stripe: Stripe, paid: tuple[Booking, Payment]
) -> None:
    booking, payment = paid
    dispute = _dispute(stripe, payment)
    _hint(dispute["id"])
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    sweep()
    refund = Refund.objects.get()
    assert (refund.status, refund.sent_at) == (RefundState.REQUESTED, None)
    assert stripe.refunds() == []
    assert breaches() == []
    stripe.turn(f"disputes/{dispute['id']}/close", {"status": "won"})
    # No webhook came: the sweeper asks.
    sweep(now=NOW + DAY)
    assert Dispute.objects.get().state == DisputeState.WON
    assert _cases() == [("answer_at_stripe", False)]
    sweep(now=NOW + DAY + timedelta(minutes=5))
    assert payment_now(payment).status == PaymentStatus.REFUNDED
    assert [found["amount"] for found in stripe.refunds()] == [4250]
    assert breaches() == []


def test_a_lost_one_counts_as_given_back_and_the_standing_booking_owes_it_again(
    stripe: Stripe, paid: tuple[Booking, Payment]
) -> None:
    booking, payment = paid
    dispute = _dispute(stripe, payment)
    _hint(dispute["id"])
    stripe.turn(f"disputes/{dispute['id']}/close", {"status": "lost"})
    for _ in range(2):
        assert _hint(dispute["id"]) is HintOutcome.DONE
    assert Dispute.objects.get().state == DisputeState.LOST
    after = booking_now(booking)
    assert (after.status, after.amount_refunded_cents) == (BookingStatus.CONFIRMED, 4250)
    assert after.balance_due_cents == 8500
    assert payment_now(payment).status == PaymentStatus.REFUNDED
    assert _cases() == [("answer_at_stripe", False), ("cancel_or_collect", True)]
    # Cancelling afterwards owes nothing more.
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    sweep()
    assert stripe.refunds() == []
    assert breaches() == []


def test_a_refund_that_waited_for_a_lost_one_is_never_sent(
    stripe: Stripe, paid: tuple[Booking, Payment]
) -> None:
    booking, payment = paid
    dispute = _dispute(stripe, payment)
    _hint(dispute["id"])
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    stripe.turn(f"disputes/{dispute['id']}/close", {"status": "lost"})
    _hint(dispute["id"])
    sweep(now=NOW + DAY)
    assert stripe.refunds() == []
    assert payment_now(payment).amount_refunded_cents == 4250
    assert booking_now(booking).refund_status == "SUCCEEDED"
    assert breaches() == []


def test_a_refund_that_stripe_refuses_for_a_dispute_learns_of_it_and_waits(
    stripe: Stripe, paid: tuple[Booking, Payment]
) -> None:
    booking, payment = paid
    dispute = _dispute(stripe, payment)
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    sweep()
    assert Dispute.objects.get().state == DisputeState.OPEN
    assert Refund.objects.get().status == RefundState.REQUESTED
    stripe.turn(f"disputes/{dispute['id']}/close", {"status": "won"})
    sweep(now=NOW + DAY)
    sweep(now=NOW + 2 * DAY)
    assert payment_now(payment).status == PaymentStatus.REFUNDED
    assert breaches() == []


def test_a_dispute_about_somebody_elses_charge_is_unknown() -> None:
    assert _hint("du_foreign") is HintOutcome.UNKNOWN
    assert not Dispute.objects.exists()

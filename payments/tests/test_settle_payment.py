"""Settling: whatever the order, repetition and number of hints, the money is counted once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection

from bookings.actions.begin_closing import begin_closing
from bookings.actions.cancel_booking import cancel_booking
from bookings.models import Booking, SlotClaim, TimelineEvent
from bookings.states import BookingStatus, ClaimState, TimelineAction
from bookings.tests.factories import CUSTOMER, NOW, book
from hmnp.core import events
from hmnp.core.errors import ValidationFailed
from hmnp.core.transactions import database_now
from payments import stripe_gateway as gateway
from payments.actions.attend_payment import attend_payment
from payments.actions.confirm_payment import confirm_payment
from payments.actions.settle_payment import settle_payment
from payments.actions.take_hint import HintOutcome, take_hint
from payments.errors import PaymentFailed
from payments.events import PaymentFailed as PaymentFailedEvent
from payments.events import PaymentSettled
from payments.models import Payment, Refund
from payments.provider import GatewayError, Intent, StripeEvent
from payments.states import PaymentStatus
from payments.tests.driving import Stripe
from payments.tests.steps import (
    book_hold,
    booking_now,
    cases,
    claim_now,
    held_and_opened,
    open_for_booking,
    pay,
    payment_now,
    promised,
    sweep,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stripe", "notary")]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[events.Event]:
    """Hear every fact payments states."""
    heard: list[events.Event] = []
    handlers = {**events._handlers}
    for kind in (PaymentSettled, PaymentFailedEvent):
        handlers[kind] = [*events._handlers.get(kind, []), heard.append]
    monkeypatch.setattr(events, "_handlers", handlers)
    return heard


def _actions(booking: Booking) -> list[str]:
    rows = TimelineEvent.objects.filter(booking=booking).order_by("id")
    return list(rows.values_list("action", flat=True))


def _hint(intent_id: str, kind: str = "payment_intent.succeeded", **metadata: str) -> StripeEvent:
    return StripeEvent(
        id="evt_1",
        type=kind,
        created_at=NOW,
        object_type="payment_intent",
        object_id=intent_id,
        intent_id=intent_id,
        metadata=metadata,
    )


def test_booking_first_then_paid_is_confirmed(stripe: Stripe, told: list[events.Event]) -> None:
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened)
    confirmed = confirm_payment(payment_id=opened.payment.pk, now=NOW)
    assert confirmed.is_settled
    after = booking_now(booking)
    assert after.status == BookingStatus.CONFIRMED
    assert (after.amount_paid_cents, after.balance_due_cents) == (4250, 4250)
    assert confirmed.payment.settled_at == NOW
    assert [type(event) for event in told] == [PaymentSettled]
    assert not Refund.objects.exists()


def test_intent_first_paid_then_booked_is_confirmed_at_once(stripe: Stripe) -> None:
    held, opened = held_and_opened()
    pay(stripe, opened)
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    booking = book_hold(held, intent_id=opened.payment.provider_intent_id)
    assert booking.status == BookingStatus.CONFIRMED
    assert booking.amount_paid_cents == 4250
    assert payment_now(opened.payment).booking_id == booking.pk
    assert claim_now(held.claim).state == ClaimState.BOOKED
    assert Payment.objects.count() == 1


def test_intent_first_then_booked_then_paid_is_confirmed(stripe: Stripe) -> None:
    held, opened = held_and_opened()
    booking = book_hold(held)
    assert booking.status == BookingStatus.PENDING_PAYMENT
    assert open_for_booking(booking).client_secret == opened.client_secret
    pay(stripe, opened)
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert booking_now(booking).status == BookingStatus.CONFIRMED
    [intent] = stripe.intents()
    assert intent["metadata"]["booking_id"] == str(booking.pk)
    assert intent["metadata"]["reference"] == booking.reference


def test_a_strange_intent_named_at_create_leaves_nothing(stripe: Stripe) -> None:
    held, _ = held_and_opened()
    with pytest.raises(ValidationFailed):
        book_hold(held, intent_id="pi_of_somebody_else")
    assert not Booking.objects.exists()
    assert claim_now(held.claim).state == ClaimState.PAYING


def test_declined_then_paid_on_the_same_intent(stripe: Stripe, told: list[events.Event]) -> None:
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened, "pm_card_chargeDeclinedInsufficientFunds")
    with pytest.raises(PaymentFailed) as refusal:
        confirm_payment(payment_id=opened.payment.pk, now=NOW)
    assert refusal.value.details == {"declineCode": "insufficient_funds"}
    assert booking_now(booking).status == BookingStatus.PENDING_PAYMENT
    again = open_for_booking(booking)
    assert again.client_secret == opened.client_secret
    pay(stripe, again)
    assert confirm_payment(payment_id=opened.payment.pk, now=NOW).is_settled
    assert booking_now(booking).status == BookingStatus.CONFIRMED
    assert payment_now(opened.payment).decline_code == ""
    assert len(stripe.intents()) == 1
    assert [type(event) for event in told] == [PaymentFailedEvent, PaymentSettled]


def test_each_decline_is_told_once(stripe: Stripe, told: list[events.Event]) -> None:
    booking = book()
    opened = open_for_booking(booking)
    for card in ("pm_card_chargeDeclined", "pm_card_chargeDeclined"):
        pay(stripe, opened, card)
        for _ in range(3):
            settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert len(told) == 2
    assert _actions(booking).count(TimelineAction.PAYMENT_FAILED) == 2


def test_not_paid_yet_is_402_and_nothing_changes(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    with pytest.raises(PaymentFailed):
        confirm_payment(payment_id=opened.payment.pk, now=NOW)
    assert booking_now(booking).status == BookingStatus.PENDING_PAYMENT
    assert payment_now(opened.payment).status == PaymentStatus.REQUIRES_PAYMENT


def test_a_bank_that_asks_its_customer_is_still_under_way(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened, "pm_card_threeDSecure2Required")
    assert not confirm_payment(payment_id=opened.payment.pk, now=NOW).is_settled
    assert booking_now(booking).status == BookingStatus.PENDING_PAYMENT


def test_processing_prolongs_the_claim_and_ends_in_a_booking(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    before = claim_now(opened.payment.claim)
    pay(stripe, opened, "pm_sandbox_processing")
    assert not confirm_payment(payment_id=opened.payment.pk, now=NOW).is_settled
    claim = claim_now(before)
    assert claim.expires_at == claim.held_at + timedelta(minutes=45)
    assert booking_now(booking).expires_at == claim.expires_at
    assert payment_now(opened.payment).status == PaymentStatus.PROCESSING
    stripe.turn("advance", {"seconds": 60})
    assert confirm_payment(payment_id=opened.payment.pk, now=NOW).is_settled
    assert booking_now(booking).status == BookingStatus.CONFIRMED


def test_settling_again_changes_nothing(stripe: Stripe, told: list[events.Event]) -> None:
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened)
    for _ in range(3):
        assert confirm_payment(payment_id=opened.payment.pk, now=NOW).is_settled
    assert booking_now(booking).amount_paid_cents == 4250
    assert _actions(booking).count(TimelineAction.PAYMENT_PROCESSED) == 1
    assert len(told) == 1


def test_webhook_confirm_and_sweeper_at_once_settle_once(
    stripe: Stripe, told: list[events.Event]
) -> None:
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened)
    intent_id = str(opened.payment.provider_intent_id)
    gate = threading.Barrier(6)
    wrong: list[BaseException] = []

    def go(work: Callable[[], object]) -> None:
        try:
            gate.wait()
            work()
        except BaseException as error:  # a thread's failure must reach the test
            wrong.append(error)
        finally:
            connection.close()

    works: list[Callable[[], object]] = [
        lambda: take_hint(event=_hint(intent_id), now=NOW),
        lambda: take_hint(event=_hint(intent_id), now=NOW),
        lambda: confirm_payment(payment_id=opened.payment.pk, now=NOW),
        lambda: confirm_payment(payment_id=opened.payment.pk, now=NOW),
        sweep,
        sweep,
    ]
    threads = [threading.Thread(target=go, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert booking_now(booking).amount_paid_cents == 4250
    assert _actions(booking).count(TimelineAction.PAYMENT_PROCESSED) == 1
    assert _actions(booking).count(TimelineAction.CONFIRMED) == 1
    assert [type(event) for event in told] == [PaymentSettled]


def test_booking_and_settling_at_once_end_confirmed(stripe: Stripe) -> None:
    held, opened = held_and_opened()
    pay(stripe, opened)
    gate = threading.Barrier(2)
    wrong: list[BaseException] = []

    def go(work: Callable[[], object]) -> None:
        try:
            gate.wait()
            work()
        except BaseException as error:  # a thread's failure must reach the test
            wrong.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=go, args=(lambda: book_hold(held),)),
        threading.Thread(
            target=go,
            args=(lambda: settle_payment(payment_id=opened.payment.pk, now=NOW),),
        ),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    booking = Booking.objects.get()
    assert booking.status == BookingStatus.CONFIRMED
    assert booking.amount_paid_cents == 4250


def test_an_outdated_answer_is_never_applied_over_a_newer_one(
    stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = book()
    opened = open_for_booking(booking)
    real = gateway.retrieve_intent
    fetched: list[Intent] = []

    def slow(*, intent_id: str) -> Intent:
        intent = real(intent_id=intent_id)
        if not fetched:
            fetched.append(intent)
            # While this answer is on its way, the card is declined and somebody else settles it.
            pay(stripe, opened, "pm_card_chargeDeclined")
            settle_payment(payment_id=opened.payment.pk, now=NOW)
        return intent

    monkeypatch.setattr(gateway, "retrieve_intent", slow)
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert payment_now(opened.payment).decline_code == "generic_decline"


def test_an_intent_of_another_amount_is_never_taken_for_ours(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    stripe.ask("POST", f"payment_intents/{opened.payment.provider_intent_id}", amount="100")
    pay(stripe, opened)
    with pytest.raises(GatewayError):
        settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert booking_now(booking).status == BookingStatus.PENDING_PAYMENT
    assert booking_now(booking).amount_paid_cents == 0


def test_money_for_a_closing_claim_still_confirms(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened)
    begin_closing(claim=claim_now(opened.payment.claim))
    assert confirm_payment(payment_id=opened.payment.pk, now=NOW).is_settled
    assert booking_now(booking).status == BookingStatus.CONFIRMED


def test_a_closing_claim_without_money_is_under_way_until_the_close_is_done(
    stripe: Stripe,
) -> None:
    booking = book()
    opened = open_for_booking(booking)
    begin_closing(claim=claim_now(opened.payment.claim))
    assert not confirm_payment(payment_id=opened.payment.pk, now=NOW).is_settled


def test_money_on_a_cancelled_booking_goes_back(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    pay(stripe, opened)
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert promised() == [("unwanted", 4250)]
    sweep()
    assert payment_now(opened.payment).status == PaymentStatus.REFUNDED
    assert booking_now(booking).status == BookingStatus.CANCELLED
    assert claim_now(opened.payment.claim).state == ClaimState.RELEASED


def test_a_hint_about_a_stranger_is_parked(stripe: Stripe) -> None:
    assert take_hint(event=_hint("pi_unknown"), now=NOW) is HintOutcome.UNKNOWN


def test_a_hint_that_overtakes_our_own_answer_finds_the_payment(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened)
    Payment.objects.filter(pk=opened.payment.pk).update(
        provider_intent_id=None, status=PaymentStatus.CREATED.value
    )
    hint = _hint(str(opened.payment.provider_intent_id), payment_id=str(opened.payment.pk))
    assert take_hint(event=hint, now=NOW) is HintOutcome.DONE
    assert booking_now(booking).status == BookingStatus.CONFIRMED


def test_the_sweeper_settles_what_nobody_told_us(stripe: Stripe) -> None:
    booking = book()
    pay(stripe, open_for_booking(booking))
    sweep()
    assert booking_now(booking).status == BookingStatus.CONFIRMED


def test_a_crash_before_stripe_was_asked_is_finished(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    payment_id = opened.payment.pk
    Payment.objects.filter(pk=payment_id).update(
        provider_intent_id=None, status=PaymentStatus.CREATED.value, client_secret_hash=""
    )
    attend_payment(payment_id=payment_id, now=NOW)
    payment = Payment.objects.get(pk=payment_id)
    assert payment.provider_intent_id == opened.payment.provider_intent_id
    assert payment.client_secret_hash
    assert len(stripe.intents()) == 1


def test_a_failing_row_does_not_starve_the_others(
    stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, fine = book(), book(starts_at=NOW + timedelta(days=3, hours=4))
    first, second = open_for_booking(broken), open_for_booking(fine)
    pay(stripe, first)
    pay(stripe, second)
    stripe.fail(
        "error_429", method="GET", path=f"/v1/payment_intents/{first.payment.provider_intent_id}"
    )
    swept = sweep()
    assert str(first.payment.pk) in swept.failed
    assert booking_now(fine).status == BookingStatus.CONFIRMED
    assert payment_now(first.payment).attempts == 1
    sweep(now=NOW + timedelta(hours=4))
    assert booking_now(broken).status == BookingStatus.CONFIRMED


def test_processing_past_its_cap_calls_a_person_until_it_settles(stripe: Stripe) -> None:
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened, "pm_sandbox_processing")
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    claim = SlotClaim.objects.get(booking=booking)
    long_ago = database_now() - timedelta(minutes=46)
    SlotClaim.objects.filter(pk=claim.pk).update(
        held_at=long_ago,
        expires_at=long_ago + timedelta(minutes=45),
        max_expires_at=long_ago + timedelta(minutes=45),
    )
    for minutes in (5, 10):
        sweep(now=NOW + timedelta(minutes=minutes))
    case = cases().get()
    assert (case.kind, case.closed_at) == ("PROCESSING_TOO_LONG", None)
    assert SlotClaim.objects.get(pk=claim.pk).state in (ClaimState.PAYING, ClaimState.CLOSING)
    stripe.turn("advance", {"seconds": 3600})
    sweep(now=NOW + timedelta(hours=1))
    case.refresh_from_db()
    assert case.closed_at is not None
    assert payment_now(opened.payment).status == PaymentStatus.SUCCEEDED

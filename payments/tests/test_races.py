"""Money asked for, taken and given back by several at once: never too much, and the books right.

Confirming, hints and the sweeper at once are in `test_settle_payment.py`, two clicks on pay in
`test_open_payment.py`, every order of a late payment in `test_interleavings.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from bookings.actions.cancel_booking import cancel_booking
from bookings.models import Booking
from bookings.states import BookingStatus
from bookings.tests.crowd import Crowd, together
from bookings.tests.factories import CUSTOMER, NOW, STAFF, TUESDAY_10, book
from payments.actions.confirm_payment import confirm_payment
from payments.actions.open_payment import OpenedPayment
from payments.actions.record_offline_payment import record_offline_payment
from payments.actions.record_refund_by_hand import record_refund_by_hand
from payments.actions.refund_payment import refund_payment
from payments.actions.retry_refund import retry_refund
from payments.actions.settle_payment import settle_payment
from payments.actions.take_hint import take_hint
from payments.ledger_sums import Sums, sums_of_payments
from payments.models import Payment, Refund
from payments.provider import StripeEvent
from payments.states import PaymentMethod, PaymentStatus, RefundState
from payments.tests.driving import Stripe
from payments.tests.steps import booking_now, breaches, open_for_booking, pay, sweep

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stripe", "notary")]

# Of a booking's 85 dollars.
DEPOSIT = 4250
# Who comes first differs from round to round; each has a time of its own.
ROUNDS = [TUESDAY_10 + timedelta(days=day) for day in range(3)]


def race(*works: Callable[[], object]) -> Crowd[object]:
    """Let all of these go at the same moment."""
    return together(len(works), lambda number: works[number]())


def charged(
    stripe: Stripe, number: int, card: str = "pm_card_visa"
) -> tuple[Booking, OpenedPayment]:
    """Book a round's time and charge the card; we have not heard of it yet."""
    booking = book(starts_at=ROUNDS[number])
    opened = open_for_booking(booking)
    pay(stripe, opened, card)
    return booking, opened


def paid(stripe: Stripe, number: int, card: str = "pm_card_visa") -> tuple[Booking, Payment]:
    """Book a round's time and pay its deposit."""
    booking, opened = charged(stripe, number, card)
    return booking, settle_payment(payment_id=opened.payment.pk, now=NOW)


def cancel(booking: Booking) -> Booking:
    """Cancel as the customer, in time for all of the money."""
    return cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)


def give(payment: Payment, cents: int, key: str) -> Refund:
    """Give back as staff, from one form."""
    return refund_payment(
        payment_id=payment.pk,
        amount_cents=cents,
        reason="goodwill",
        actor=STAFF,
        now=NOW,
        request_key=key,
    )


def books(payment: Payment) -> tuple[int, int]:
    """Give what the books say was paid and given back."""
    sums = sums_of_payments(payment_ids=[payment.pk]).get(payment.pk, Sums(0, 0))
    return sums.paid_cents, sums.refunded_cents


def returned(stripe: Stripe, payment: Payment) -> int:
    """Give what Stripe has paid back."""
    intent_id = Payment.objects.get(pk=payment.pk).provider_intent_id
    return sum(
        refund["amount"]
        for refund in stripe.refunds()
        if refund["payment_intent"] == intent_id and refund["status"] == "succeeded"
    )


def test_staff_give_a_part_back_while_the_customer_cancels(stripe: Stripe) -> None:
    for number in range(len(ROUNDS)):
        booking, payment = paid(stripe, number)
        crowd = race(
            partial(cancel, booking),
            partial(give, payment, 3000, "one form"),
            partial(give, payment, 3000, "one form"),
            sweep,
        )
        # Staff who come second are told that nothing is left.
        assert crowd.codes() <= {"VALIDATION_ERROR"}
        sweep()
        assert booking_now(booking).status == BookingStatus.CANCELLED
        assert booking_now(booking).amount_refunded_cents == DEPOSIT
        assert returned(stripe, payment) == DEPOSIT
        assert books(payment) == (DEPOSIT, DEPOSIT)
        assert breaches() == []


def test_cancelling_after_a_part_was_promised_gives_the_rest(stripe: Stripe) -> None:
    booking, payment = paid(stripe, 0)
    give(payment, 3000, "one form")
    cancel(booking)
    sweep()
    assert returned(stripe, payment) == DEPOSIT
    assert breaches() == []


def test_two_of_the_staff_give_back_more_than_is_left(stripe: Stripe) -> None:
    for number in range(len(ROUNDS)):
        booking, payment = paid(stripe, number)
        crowd = race(
            partial(give, payment, 3000, "hers"),
            partial(give, payment, 3000, "his"),
            partial(give, payment, 3000, "his"),
            sweep,
        )
        assert crowd.codes() == {"VALIDATION_ERROR"}
        sweep()
        assert returned(stripe, payment) == 3000
        assert books(payment) == (DEPOSIT, 3000)
        assert booking_now(booking).status == BookingStatus.CONFIRMED
        assert breaches() == []


def test_a_failed_refund_is_sent_again_or_handed_over_never_both(stripe: Stripe) -> None:
    for number in range(len(ROUNDS)):
        booking, payment = paid(stripe, number, "pm_card_refundFail")
        cancel(booking)
        sweep()
        stripe.turn("advance", {"seconds": 60})
        failed = Refund.objects.get(payment=payment)
        take_hint(event=_hint("refund", str(failed.provider_refund_id)), now=NOW)
        crowd = race(
            partial(retry_refund, refund_id=failed.pk, actor=STAFF, now=NOW),
            partial(retry_refund, refund_id=failed.pk, actor=STAFF, now=NOW),
            partial(
                record_refund_by_hand,
                refund_id=failed.pk,
                note="in an envelope",
                actor=STAFF,
                now=NOW,
            ),
            partial(
                record_refund_by_hand,
                refund_id=failed.pk,
                note="in an envelope",
                actor=STAFF,
                now=NOW,
            ),
        )
        assert (len(crowd.results), crowd.codes()) == (1, {"INVALID_STATUS_TRANSITION"})
        again = Refund.objects.exclude(pk=failed.pk).get(payment=payment)
        assert again.status in (RefundState.REQUESTED, RefundState.SUCCEEDED)
        assert breaches() == []


def test_confirm_hint_sweeper_and_cash_at_once_keep_no_more_than_the_price(stripe: Stripe) -> None:
    for number in range(len(ROUNDS)):
        booking, opened = charged(stripe, number)
        crowd = race(
            partial(confirm_payment, payment_id=opened.payment.pk, now=NOW),
            partial(
                take_hint,
                event=_hint("payment_intent", str(opened.payment.provider_intent_id)),
                now=NOW,
            ),
            sweep,
            partial(
                record_offline_payment,
                booking_id=booking.pk,
                amount_cents=DEPOSIT,
                method=PaymentMethod.CASH,
                note="at the door",
                actor=STAFF,
                now=NOW,
                request_key=f"form {booking.pk}",
            ),
        )
        assert crowd.errors == []
        sweep()
        card = Payment.objects.get(pk=opened.payment.pk)
        after = booking_now(booking)
        assert after.status == BookingStatus.CONFIRMED
        if card.is_duplicate:
            # Cash came first: the deposit was paid already, so the card is given back.
            assert (card.status, after.net_paid_cents) == (PaymentStatus.REFUNDED, DEPOSIT)
            assert returned(stripe, card) == DEPOSIT
        else:
            assert after.net_paid_cents == after.price_cents == 2 * DEPOSIT
            assert returned(stripe, card) == 0
        assert breaches() == []


def test_cancelling_while_the_money_comes_gives_all_of_it_back_once(stripe: Stripe) -> None:
    for number in range(len(ROUNDS)):
        booking, opened = charged(stripe, number)
        crowd = race(
            partial(cancel, booking),
            partial(cancel, booking),
            partial(settle_payment, payment_id=opened.payment.pk, now=NOW),
            sweep,
        )
        assert crowd.errors == []
        sweep()
        sweep()
        assert booking_now(booking).status == BookingStatus.CANCELLED
        assert booking_now(booking).net_paid_cents == 0
        assert returned(stripe, opened.payment) == DEPOSIT
        assert books(opened.payment) == (DEPOSIT, DEPOSIT)
        assert breaches() == []


def _hint(kind: str, name: str) -> StripeEvent:
    return StripeEvent(
        id="evt_1",
        type=f"{kind}.updated",
        created_at=NOW,
        object_type=kind,
        object_id=name,
        intent_id=name if kind == "payment_intent" else "",
        metadata={},
    )

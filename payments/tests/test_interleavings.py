"""Every order in which expiry, payment, hints, the browser, a rival and choices can meet.

After each order, and again after everything is due: every captured cent belongs to exactly one of
a booking that stands, an open choice, a refund; ours and Stripe's ledgers agree.

`EVERY_ORDER=1` also tells the browser's return from a webhook, and walks all orders of them (some
minutes); without it both come together, since both do nothing but settle.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice, permutations

import pytest

from bookings.courtesy import courtesy_holds
from bookings.errors import HoldExpired, InvalidStatusTransition, SlotTaken
from bookings.models import Booking, SlotClaim
from bookings.states import ClaimState
from bookings.tests.factories import CUSTOMER, NOW, book, hold
from hmnp.dev.pytest_emptying import delete_all_rows
from payments.actions.choose_late_alternative import choose_late_alternative
from payments.actions.decline_late_alternative import decline_late_alternative
from payments.actions.open_payment import OpenedPayment
from payments.actions.sweep_payments import sweep_payments
from payments.actions.take_hint import take_hint
from payments.checkout import settle_booking
from payments.models import LateChoice, Payment, Refund
from payments.provider import StripeEvent
from payments.states import STANDING_BOOKINGS, LateChoiceState, RefundState
from payments.tests.driving import Stripe
from payments.tests.steps import (
    booking_now,
    breaches,
    cases,
    lose_the_time,
    open_for_booking,
    pay,
    payment_now,
    run_out,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stripe", "notary")]

# What stays between two orders: the catalogue and the notary.
GIVEN = ("services_", "bookings_notary")
EVERY_ORDER = bool(os.environ.get("EVERY_ORDER"))
LAPSED = NOW + timedelta(hours=2, minutes=1)


class Flow:
    """One booking on its way, and what may happen to it, each in its own words."""

    def __init__(self, stripe: Stripe, card: str) -> None:
        self.stripe, self.card = stripe, card
        self.booking: Booking = book()
        self.opened: OpenedPayment = open_for_booking(self.booking)
        self.claim = SlotClaim.objects.get(booking=self.booking)

    def expire(self) -> None:
        """The time runs out, and the sweeper cancels the intent first, as it must."""
        if self._state() == ClaimState.PAYING:
            run_out(self.claim.pk)
            sweep_payments(now=NOW + timedelta(minutes=1))

    def lose(self) -> None:
        """The time is let go while the intent lives: Stripe's answer lied or lagged."""
        if self._state() == ClaimState.PAYING:
            lose_the_time(self.booking)

    def pay(self) -> None:
        pay(self.stripe, self.opened, self.card)

    def webhook(self) -> None:
        """Stripe's hint, in whatever order it comes; twice is a duplicate."""
        take_hint(event=_event("payment_intent", str(self._payment().provider_intent_id)), now=NOW)

    duplicate = webhook

    def come_back(self) -> None:
        settle_booking(booking_id=self.booking.pk, now=NOW)

    def hints(self) -> None:
        self.webhook()
        self.come_back()

    def rival(self) -> None:
        """Another customer takes the time, if it can be had."""
        try:
            hold()
        except SlotTaken:
            assert self._state() in (ClaimState.PAYING, ClaimState.CLOSING, ClaimState.BOOKED) or (
                SlotClaim.objects.filter(booking=self.booking, state=ClaimState.BOOKED).exists()
            )

    def choose(self, now: datetime = NOW) -> None:
        """The customer takes the first kept time, or is told that it is over."""
        choice = LateChoice.objects.get(booking=self.booking)
        kept = courtesy_holds(booking_id=self.booking.pk) or [self.claim]
        try:
            choose_late_alternative(
                choice_id=choice.pk, claim_id=kept[0].pk, actor=CUSTOMER, now=now
            )
        except HoldExpired:
            assert choice.state != LateChoiceState.OPEN or choice.expires_at <= now
        except InvalidStatusTransition:
            assert choice.state == LateChoiceState.CHOSEN

    def choose_late(self) -> None:
        self.choose(now=LAPSED)

    def decline(self) -> None:
        decline_late_alternative(choice_id=LateChoice.objects.get(booking=self.booking).pk, now=NOW)

    def lapse(self) -> None:
        """Two hours pass, and the sweeper comes; then it sends what it promised."""
        sweep_payments(now=LAPSED)

    def bank_returns_refund(self) -> None:
        """Time goes on at Stripe, where the bank sends a refund back, and hints tell of it."""
        self.stripe.turn("advance", {"seconds": 60})
        for refund in Refund.objects.filter(provider_refund_id__isnull=False):
            take_hint(event=_event("refund", str(refund.provider_refund_id)), now=LAPSED)

    def _payment(self) -> Payment:
        return payment_now(self.opened.payment)

    def _state(self) -> str:
        return str(SlotClaim.objects.values_list("state", flat=True).get(pk=self.claim.pk))


def _event(kind: str, object_id: str) -> StripeEvent:
    return StripeEvent(
        id="evt_1",
        type=f"{kind}.hint",
        created_at=NOW,
        object_type=kind,
        object_id=object_id,
        intent_id=object_id if kind == "payment_intent" else "",
        metadata={},
    )


def _check(flow: Flow) -> None:
    """Find every captured cent in exactly one home, and no invariant broken."""
    assert breaches() == []
    for payment in Payment.objects.select_related("booking").filter(amount_captured_cents__gt=0):
        assert payment.booking is not None
        refunds = list(Refund.objects.filter(payment=payment))
        for refund in refunds:
            is_called = cases().filter(key=f"refund:{refund.pk}", closed_at=None).exists()
            assert (refund.status == RefundState.FAILED) == is_called
        homes = [
            payment.booking.status in STANDING_BOOKINGS,
            LateChoice.objects.filter(payment=payment, state=LateChoiceState.OPEN).exists(),
            sum(refund.amount_cents for refund in refunds) == payment.amount_captured_cents,
        ]
        assert homes.count(True) == 1, (homes, payment.booking.status)
    taken = sum(intent["amount_received"] for intent in flow.stripe.intents())
    sent = [r["amount"] for r in flow.stripe.refunds() if r["status"] in ("succeeded", "pending")]
    net = booking_now(flow.booking).net_paid_cents
    pending = Refund.objects.filter(status=RefundState.PENDING).count()
    assert taken - sum(sent) == net or pending


def _flows(
    stripe: Stripe, orders: Iterable[tuple[str, ...]], *, card: str, first: tuple[str, ...] = ()
) -> Iterator[Flow]:
    for order in orders:
        delete_all_rows(spared=GIVEN)
        stripe.turn("reset")
        flow = Flow(stripe, card)
        try:
            for step in (*first, *order):
                do: Callable[[], None] = getattr(flow, step)
                do()
            # What is due at once; a choice stays open.
            sweep_payments(now=NOW + timedelta(minutes=5))
            _check(flow)
            for minutes in (1, 30):
                sweep_payments(now=LAPSED + timedelta(minutes=minutes))
            _check(flow)
        except Exception as error:
            error.add_note(f"order: {' → '.join((*first, *order))}, card: {card}")
            raise
        assert not LateChoice.objects.filter(state=LateChoiceState.OPEN).exists()
        yield flow


@pytest.mark.longer
def test_a_time_let_go_meets_payment_hint_browser_and_rival_in_every_order(
    stripe: Stripe,
) -> None:
    hints = ("webhook", "come_back") if EVERY_ORDER else ("hints",)
    steps = ("lose", "pay", *hints, "rival")
    # By day the last two steps of an order meet in one way only.
    orders = islice(permutations(steps), 0, None, 1 if EVERY_ORDER else 2)
    ends = [
        booking_now(flow.booking).status for flow in _flows(stripe, orders, card="pm_card_visa")
    ]
    assert len(ends) == (120 if EVERY_ORDER else 12)
    # Both ends are really met.
    assert {"CONFIRMED", "EXPIRED"} == set(ends)


@pytest.mark.longer
def test_an_expiry_that_asks_stripe_meets_the_same_and_never_takes_money_for_nothing(
    stripe: Stripe,
) -> None:
    steps = ("expire", "pay", "webhook", "rival")
    orders = permutations(steps, 4 if EVERY_ORDER else 2)
    for flow in _flows(stripe, orders, card="pm_card_visa"):
        # Stripe was asked before the time was freed, so there is nothing to give back.
        assert not Refund.objects.exists()
        paid = booking_now(flow.booking).amount_paid_cents
        assert (paid > 0) == (booking_now(flow.booking).status == "CONFIRMED")


@pytest.mark.longer
@pytest.mark.parametrize("card", ["pm_card_visa", "pm_card_refundFail"])
def test_a_choice_meets_its_end_and_repeated_hints_in_every_order(
    stripe: Stripe, card: str
) -> None:
    steps = ("choose", "decline", "choose_late", "lapse")
    ends = set()
    for flow in _flows(
        stripe,
        permutations(steps, 3 if EVERY_ORDER else 1),
        card=card,
        first=("lose", "rival", "pay", "webhook", "duplicate"),
    ):
        ends.add(LateChoice.objects.get().state)
        flow.bank_returns_refund()
        flow.duplicate()
        _check(flow)
    assert ends == {"CHOSEN", "DECLINED", "LAPSED"}

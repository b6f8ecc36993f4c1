"""A use of a promo code follows its booking: back when it ends unpaid, counted when it stands."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from bookings.actions.cancel_booking import cancel_booking
from bookings.courtesy import courtesy_holds
from bookings.models import Booking, PromoRedemption
from bookings.states import BookingStatus
from bookings.tests.factories import CUSTOMER, NOW, TUESDAY_10, book, customer, hold
from payments.actions.choose_late_alternative import choose_late_alternative
from payments.actions.open_payment import OpenedPayment
from payments.actions.settle_payment import settle_payment
from payments.actions.sweep_payments import sweep_payments
from payments.models import LateChoice
from payments.tests.driving import Stripe
from payments.tests.steps import (
    booking_now,
    breaches,
    lose_the_time,
    open_for_booking,
    pay,
    run_out,
    sweep,
)
from services.models import PromoCode

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stripe", "notary")]


@pytest.fixture
def code() -> str:
    """A code that one booking may use."""
    PromoCode.objects.create(code="ONCE", kind="FIXED", amount_cents=500, max_uses=1)
    return "ONCE"


def _uses() -> tuple[int, int]:
    """Give what the code says, and how many redemptions live."""
    live = PromoRedemption.objects.filter(released_at__isnull=True).count()
    return PromoCode.objects.get(code="ONCE").times_used, live


def _lost_and_paid(stripe: Stripe, code: str) -> tuple[Booking, OpenedPayment]:
    booking = book(promo_code=code)
    opened = open_for_booking(booking)
    lose_the_time(booking)
    assert _uses() == (0, 0)
    pay(stripe, opened)
    return booking, opened


def test_an_unpaid_end_gives_the_use_back_and_a_paid_one_keeps_it(
    stripe: Stripe, code: str
) -> None:
    booking = book(promo_code=code)
    assert _uses() == (1, 1)
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
    assert _uses() == (0, 0)
    sweep()
    again = book(promo_code=code)
    opened = open_for_booking(again)
    pay(stripe, opened)
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    cancel_booking(booking_id=again.pk, reason="", actor=CUSTOMER, now=NOW)
    assert _uses() == (1, 1)
    assert breaches() == []


def test_an_expiry_gives_the_use_back_once(code: str) -> None:
    booking = book(promo_code=code)
    open_for_booking(booking)
    run_out(booking.claims.get().pk)
    for _ in range(2):
        sweep()
    assert booking_now(booking).status == BookingStatus.EXPIRED
    assert _uses() == (0, 0)


def test_late_money_that_wins_its_time_counts_the_use_again(stripe: Stripe, code: str) -> None:
    booking, opened = _lost_and_paid(stripe, code)
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert booking_now(booking).status == BookingStatus.CONFIRMED
    assert _uses() == (1, 1)
    assert breaches() == []


def test_late_money_that_takes_another_time_counts_it_too(stripe: Stripe, code: str) -> None:
    booking, opened = _lost_and_paid(stripe, code)
    hold()
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert _uses() == (0, 0)
    kept = courtesy_holds(booking_id=booking.pk)
    choose_late_alternative(
        choice_id=LateChoice.objects.get().pk, claim_id=kept[0].pk, actor=CUSTOMER, now=NOW
    )
    assert _uses() == (1, 1)
    assert breaches() == []


def test_a_code_used_up_meanwhile_is_not_overdrawn_and_the_price_stays(
    stripe: Stripe, code: str
) -> None:
    booking, opened = _lost_and_paid(stripe, code)
    book(
        promo_code=code,
        starts_at=TUESDAY_10.replace(hour=20),
        who=customer(email="other@example.com"),
    )
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    after = booking_now(booking)
    assert (after.status, after.price_cents) == (BookingStatus.CONFIRMED, 8000)
    assert _uses() == (1, 1)
    assert breaches() == []


def test_an_expiry_and_new_customers_racing_for_the_last_use_never_overdraw_it(code: str) -> None:
    booking = book(promo_code=code)
    open_for_booking(booking)
    run_out(booking.claims.get().pk)
    won: list[Booking] = []
    gate = threading.Barrier(4)

    def at_once(work: Callable[[], object]) -> threading.Thread:
        def run() -> None:
            gate.wait()
            try:
                work()
            except Exception:  # noqa: BLE001, S110 -- whoever loses is refused; the sums tell
                pass
            finally:
                connection.close()

        return threading.Thread(target=run)

    def use(number: int) -> Callable[[], object]:
        return lambda: won.append(
            book(
                promo_code=code,
                starts_at=TUESDAY_10.replace(day=3 + number),
                who=customer(email=f"c{number}@example.com"),
            )
        )

    threads = [at_once(lambda: sweep_payments(now=NOW)), *(at_once(use(n)) for n in range(3))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sweep()
    assert len(won) <= 1
    assert _uses() == (len(won), len(won))
    assert booking_now(booking).status == BookingStatus.EXPIRED

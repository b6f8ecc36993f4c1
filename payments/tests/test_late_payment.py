"""Money that came when the time was gone: the same time again, a choice of others, or all back."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from bookings.courtesy import courtesy_holds
from bookings.errors import HoldExpired, InvalidStatusTransition
from bookings.links import manage_url
from bookings.models import Booking, NotaryHours, SlotClaim
from bookings.states import BookingStatus, ClaimState
from bookings.tests.browsing import text_of
from bookings.tests.factories import CUSTOMER, NOW, book, hold
from payments.actions.choose_late_alternative import choose_late_alternative
from payments.actions.decline_late_alternative import decline_late_alternative
from payments.actions.open_payment import OpenedPayment
from payments.actions.resolve_late_payment import resolve_late_payment
from payments.actions.settle_payment import settle_payment
from payments.models import LateChoice, Payment, Refund
from payments.states import LateChoiceState, PaymentStatus
from payments.tests.driving import Stripe
from payments.tests.steps import (
    booking_now,
    breaches,
    cases,
    lose_the_time,
    mails,
    open_for_booking,
    pay,
    payment_now,
    promised,
    sweep,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stripe", "notary")]

AFTER = NOW + timedelta(hours=2)


@pytest.fixture
def expired(stripe: Stripe) -> tuple[Booking, OpenedPayment]:
    """A booking that expired although its intent was paid: Stripe's answer lied or lagged."""
    booking = book()
    opened = open_for_booking(booking)
    pay(stripe, opened)
    lose_the_time(booking)
    return booking, opened


@pytest.fixture
def offered(expired: tuple[Booking, OpenedPayment]) -> tuple[Booking, OpenedPayment, LateChoice]:
    """Its time was taken by another customer, and others are kept."""
    booking, opened = expired
    hold()
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    return booking, opened, LateChoice.objects.get()


def test_the_same_time_is_won_again(expired: tuple[Booking, OpenedPayment]) -> None:
    booking, opened = expired
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    after = booking_now(booking)
    assert after.status == BookingStatus.CONFIRMED
    assert after.amount_paid_cents == 4250
    assert payment_now(opened.payment).late_since is None
    assert SlotClaim.objects.get(booking=booking, state=ClaimState.BOOKED.value)
    assert not Refund.objects.exists()
    assert not LateChoice.objects.exists()
    assert not cases().filter(closed_at__isnull=True).exists()


def test_a_time_that_is_taken_means_a_choice_of_three_for_two_hours(
    offered: tuple[Booking, OpenedPayment, LateChoice],
) -> None:
    booking, opened, choice = offered
    assert booking_now(booking).status == BookingStatus.EXPIRED
    assert (choice.state, choice.expires_at) == (LateChoiceState.OPEN, AFTER)
    kept = courtesy_holds(booking_id=booking.pk)
    assert [claim.expires_at for claim in kept] == [AFTER] * 3
    assert promised() == []
    case = cases().get()
    assert (case.kind, case.booking_id, case.closed_at) == ("LATE_PAYMENT", booking.pk, None)
    job = mails().get(message_kind="late_choice")
    assert (job.recipient, job.occurrence_id) == (booking.customer_email, str(choice.pk))
    # Looking again, early, changes nothing.
    resolve_late_payment(payment_id=opened.payment.pk, now=NOW + timedelta(hours=1))
    assert len(courtesy_holds(booking_id=booking.pk)) == 3
    assert LateChoice.objects.count() == 1
    assert breaches() == []


def test_choosing_confirms_the_booking_frees_the_others_and_closes_the_case(
    offered: tuple[Booking, OpenedPayment, LateChoice],
) -> None:
    booking, opened, choice = offered
    chosen, *others = courtesy_holds(booking_id=booking.pk)
    choose_late_alternative(choice_id=choice.pk, claim_id=chosen.pk, actor=CUSTOMER, now=NOW)
    after = booking_now(booking)
    assert (after.status, after.starts_at) == (BookingStatus.CONFIRMED, chosen.starts_at)
    assert (after.amount_due_cents, after.balance_due_cents) == (0, 4250)
    choice.refresh_from_db()
    assert (choice.state, choice.decided_at) == (LateChoiceState.CHOSEN, NOW)
    assert payment_now(opened.payment).late_since is None
    states = SlotClaim.objects.filter(pk__in=[claim.pk for claim in others])
    assert {claim.state for claim in states} == {ClaimState.RELEASED}
    assert cases().get().closed_at is not None
    assert promised() == []
    assert breaches() == []
    with pytest.raises(InvalidStatusTransition):
        choose_late_alternative(choice_id=choice.pk, claim_id=chosen.pk, actor=CUSTOMER, now=NOW)


def test_a_choice_made_late_is_refused_and_changes_nothing(
    offered: tuple[Booking, OpenedPayment, LateChoice],
) -> None:
    booking, _, choice = offered
    kept = courtesy_holds(booking_id=booking.pk)
    with pytest.raises(HoldExpired):
        choose_late_alternative(choice_id=choice.pk, claim_id=kept[0].pk, actor=CUSTOMER, now=AFTER)
    assert booking_now(booking).status == BookingStatus.EXPIRED
    assert len(courtesy_holds(booking_id=booking.pk)) == 3


def test_silence_gives_everything_back(
    stripe: Stripe, offered: tuple[Booking, OpenedPayment, LateChoice]
) -> None:
    booking, opened, choice = offered
    sweep(now=AFTER)
    choice.refresh_from_db()
    assert choice.state == LateChoiceState.LAPSED
    assert promised() == [("late", 4250)]
    assert courtesy_holds(booking_id=booking.pk) == []
    assert cases().get().closed_at is not None
    sweep(now=AFTER + timedelta(minutes=5))
    assert payment_now(opened.payment).status == PaymentStatus.REFUNDED
    after = booking_now(booking)
    assert (after.amount_paid_cents, after.amount_refunded_cents) == (4250, 4250)
    assert [refund["amount"] for refund in stripe.refunds()] == [4250]
    assert breaches() == []


def test_declining_gives_everything_back_once(
    offered: tuple[Booking, OpenedPayment, LateChoice],
) -> None:
    booking, _, choice = offered
    kept = courtesy_holds(booking_id=booking.pk)
    assert decline_late_alternative(choice_id=choice.pk, now=NOW)
    assert not decline_late_alternative(choice_id=choice.pk, now=NOW)
    assert promised() == [("late", 4250)]
    with pytest.raises(HoldExpired):
        choose_late_alternative(choice_id=choice.pk, claim_id=kept[0].pk, actor=CUSTOMER, now=NOW)
    assert booking_now(booking).status == BookingStatus.EXPIRED
    assert breaches() == []


def test_without_any_feasible_time_all_of_it_goes_back(
    stripe: Stripe, expired: tuple[Booking, OpenedPayment]
) -> None:
    _, opened = expired
    NotaryHours.objects.all().delete()
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert promised() == [("late", 4250)]
    assert not LateChoice.objects.exists()
    assert cases().get().closed_at is not None
    sweep()
    assert payment_now(opened.payment).status == PaymentStatus.REFUNDED
    assert breaches() == []


def test_a_crash_before_it_is_resolved_is_finished_by_the_sweeper(
    expired: tuple[Booking, OpenedPayment], monkeypatch: pytest.MonkeyPatch
) -> None:
    booking, opened = expired
    with monkeypatch.context() as patched:
        patched.setattr("payments.actions.settle_payment.resolve_late_payment", lambda **_: None)
        settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert payment_now(opened.payment).late_since == NOW
    assert booking_now(booking).status == BookingStatus.EXPIRED
    sweep(now=NOW + timedelta(minutes=1))
    assert booking_now(booking).status == BookingStatus.CONFIRMED
    assert payment_now(opened.payment).late_since is None


def test_a_crash_between_keeping_times_and_offering_them_is_finished_too(
    expired: tuple[Booking, OpenedPayment], monkeypatch: pytest.MonkeyPatch
) -> None:
    booking, opened = expired
    hold()

    def die(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("payments.actions.resolve_late_payment._offer", die)
        with pytest.raises(KeyboardInterrupt):
            settle_payment(payment_id=opened.payment.pk, now=NOW)
    assert len(courtesy_holds(booking_id=booking.pk)) == 3
    sweep(now=NOW + timedelta(minutes=1))
    assert len(courtesy_holds(booking_id=booking.pk)) == 3
    assert LateChoice.objects.get().expires_at == AFTER


def test_a_crash_after_the_time_was_won_refunds_nothing(
    expired: tuple[Booking, OpenedPayment],
) -> None:
    booking, opened = expired
    settle_payment(payment_id=opened.payment.pk, now=NOW)
    Payment.objects.filter(pk=opened.payment.pk).update(late_since=NOW)
    resolve_late_payment(payment_id=opened.payment.pk, now=NOW)
    assert payment_now(opened.payment).late_since is None
    assert booking_now(booking).status == BookingStatus.CONFIRMED
    assert not Refund.objects.exists()


def _visitor(booking: Booking) -> Client:
    client = Client()
    link = urlsplit(manage_url(booking=booking, leads_to="late"))
    there = client.get(f"{link.path}?{link.query}")
    assert there["Location"] == f"/manage/{booking.pk}/late"
    return client


def _on_todays_clock(choice: LateChoice) -> None:
    """Let the page's clock, which is today's, find the choice open."""
    LateChoice.objects.filter(pk=choice.pk).update(expires_at=timezone.now() + timedelta(hours=2))


def test_the_page_offers_the_three_times_and_books_the_chosen_one(
    offered: tuple[Booking, OpenedPayment, LateChoice],
) -> None:
    booking, _, choice = offered
    _on_todays_clock(choice)
    client = _visitor(booking)
    own = f"/manage/{booking.pk}"
    assert "Choose one of the times we keep for you" in text_of(client.get(own))

    page = client.get(f"{own}/late")
    kept = courtesy_holds(booking_id=booking.pk)
    assert "Please choose another time" in text_of(page)
    assert page.content.decode().count('<button class="choice-button" name="time"') == 3
    assert "Give my money back" in text_of(page)
    assert client.post(f"{own}/late", {"time": "nonsense"}).status_code == 400
    assert booking_now(booking).status == BookingStatus.EXPIRED

    done = client.post(f"{own}/late", {"time": str(kept[1].pk)}, follow=True)
    assert done.redirect_chain[-1][0] == f"{own}?done=chosen"
    assert "You are booked" in text_of(done)
    assert booking_now(booking).starts_at == kept[1].starts_at
    again = client.post(f"{own}/late", {"time": str(kept[0].pk)})
    assert again["Location"] == f"{own}?done=chosen"
    assert booking_now(booking).starts_at == kept[1].starts_at


def test_the_page_gives_the_money_back_on_request(
    offered: tuple[Booking, OpenedPayment, LateChoice],
) -> None:
    booking, _, choice = offered
    _on_todays_clock(choice)
    client = _visitor(booking)
    page = client.post(f"/manage/{booking.pk}/late", {"back": "1"}, follow=True)
    assert "Your money is on its way back" in text_of(page)
    assert promised() == [("late", 4250)]


def test_a_choice_made_late_on_the_page_is_told_where_the_money_is(
    offered: tuple[Booking, OpenedPayment, LateChoice],
) -> None:
    booking, _, _ = offered
    client = _visitor(booking)
    kept = courtesy_holds(booking_id=booking.pk)
    sweep(now=AFTER)
    page = client.post(f"/manage/{booking.pk}/late", {"time": str(kept[0].pk)})
    assert page.status_code == 410
    assert "$42.50 is on its way back to your card" in text_of(page)
    assert booking_now(booking).status == BookingStatus.EXPIRED


def test_a_stranger_sees_no_choice(offered: tuple[Booking, OpenedPayment, LateChoice]) -> None:
    booking, _, _ = offered
    stranger = Client()
    kept = courtesy_holds(booking_id=booking.pk)
    assert stranger.get(f"/manage/{booking.pk}/late").status_code == 404
    answer = stranger.post(f"/manage/{booking.pk}/late", {"time": str(kept[0].pk)})
    assert answer.status_code == 404
    assert booking_now(booking).status == BookingStatus.EXPIRED

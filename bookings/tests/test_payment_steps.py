"""The steps payments takes with a claim and a booking, and what late money can still do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bookings import claims
from bookings.actions.begin_closing import begin_closing
from bookings.actions.begin_payment import begin_payment
from bookings.actions.confirm_booking import confirm_booking
from bookings.actions.finish_closing import finish_closing
from bookings.actions.prolong_payment import prolong_payment
from bookings.actions.reclaim_slot import reclaim_slot
from bookings.actions.record_payment import PaymentOutcome, record_payment
from bookings.actions.record_payment_failure import record_payment_failure
from bookings.errors import HoldExpired, HoldNotFound, InvalidStatusTransition
from bookings.events import BookingConfirmed, BookingExpired, RefundOwed
from bookings.locks import lock_booking, lock_claim
from bookings.models import Booking, SlotClaim
from bookings.states import BookingStatus
from bookings.tests.chain import check_bookings, check_calendars, snapshot
from bookings.tests.factories import NOW, STAFF, TUESDAY_10, a_notary, book, hold, wanted
from bookings.tests.hearing import heard
from hmnp.core.context import SYSTEM
from hmnp.core.errors import NotFound
from services.models import PromoCode
from services.tests.fixtures import Catalogue

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _notary(catalogue: Catalogue) -> None:
    a_notary()


def claim_of(booking: Booking) -> SlotClaim:
    return SlotClaim.objects.get(booking=booking)


def pay(booking: Booking, cents: int, claim: SlotClaim | None = None) -> PaymentOutcome:
    return record_payment(
        booking=booking,
        claim=claim or SlotClaim.objects.filter(booking=booking).first(),
        payment_id=booking.pk,
        amount_cents=cents,
        kind="DEPOSIT",
        actor=SYSTEM,
        now=NOW,
    )


def expired(**kwargs: object) -> Booking:
    """Give a booking whose payment window closed."""
    booking = book(**kwargs)  # type: ignore[arg-type]  # passed on
    claim = claim_of(booking)
    begin_closing(claim=claim)
    finish_closing(claim=claim, booking=booking, actor=SYSTEM, now=NOW)
    return booking


class TestBegin:
    """HELD becomes PAYING."""

    def test_fifteen_minutes_from_now_and_the_values_are_frozen(self) -> None:
        claim = hold().claim
        begin_payment(claim=claim, now=NOW)
        claim.refresh_from_db()
        assert (claim.state, claim.intent_at) == ("PAYING", NOW)
        assert claim.expires_at is not None
        window = claim.expires_at - claim.held_at
        assert timedelta(minutes=15) <= window < timedelta(minutes=15, seconds=30)

    def test_never_beyond_twenty_minutes_after_the_claim_began(self) -> None:
        claim = hold().claim
        limit = datetime.now(tz=UTC) + timedelta(minutes=3)
        claim.max_expires_at = limit
        begin_payment(claim=claim, now=NOW)
        claim.refresh_from_db()
        assert claim.expires_at == limit

    def test_again_changes_nothing(self) -> None:
        claim = hold().claim
        begin_payment(claim=claim, now=NOW)
        before = list(SlotClaim.objects.values())
        begin_payment(claim=SlotClaim.objects.get(), now=NOW + timedelta(minutes=1))
        assert list(SlotClaim.objects.values()) == before

    @pytest.mark.parametrize("state", ["CLOSING", "RELEASED", "EXPIRED", "BOOKED"])
    def test_what_is_over_or_closing_cannot_begin(self, state: str) -> None:
        claim = hold().claim
        claim.state = state
        claim.save()
        before = snapshot()
        with pytest.raises(HoldExpired):
            begin_payment(claim=claim, now=NOW)
        assert snapshot() == before

    @pytest.mark.parametrize("is_paying", [True, False])
    def test_nor_can_what_has_run_out(self, is_paying: bool) -> None:
        claim = hold().claim
        if is_paying:
            begin_payment(claim=claim, now=NOW)
        claim.expires_at = LONG_AGO
        claim.save()
        with pytest.raises(HoldExpired):
            begin_payment(claim=claim, now=NOW)


class TestClose:
    """PAYING, CLOSING, RELEASED."""

    def test_the_time_stays_taken_until_it_is_done(self) -> None:
        booking = book(promo_code="WELCOME10")
        claim = claim_of(booking)
        assert begin_closing(claim=claim)
        assert begin_closing(claim=claim)
        assert (claim_of(booking).state, booking.status) == ("CLOSING", "PENDING_PAYMENT")
        with heard(BookingExpired) as facts:
            finish_closing(claim=claim, booking=booking, actor=SYSTEM, now=NOW)
            finish_closing(claim=claim, booking=booking, actor=SYSTEM, now=NOW)
        booking.refresh_from_db()
        assert (booking.status, booking.expires_at) == ("EXPIRED", None)
        assert claim_of(booking).state == "RELEASED"
        assert len(facts) == 1
        assert [event.action for event in booking.timeline.all()] == ["created", "expired"]
        assert PromoCode.objects.get(code="WELCOME10").times_used == 0
        assert hold().is_new
        check_calendars()

    @pytest.mark.parametrize("state", ["HELD", "BOOKED", "RELEASED"])
    def test_what_is_not_being_paid_for_does_not_close(self, state: str) -> None:
        claim = hold().claim
        SlotClaim.objects.update(state=state)
        claim.refresh_from_db()
        before = snapshot()
        assert not begin_closing(claim=claim)
        finish_closing(claim=claim, booking=None, actor=SYSTEM, now=NOW)
        assert snapshot() == before

    def test_a_hold_without_a_booking_is_just_released(self) -> None:
        claim = hold().claim
        begin_payment(claim=claim, now=NOW)
        assert begin_closing(claim=claim)
        finish_closing(claim=claim, booking=None, actor=SYSTEM, now=NOW)
        claim.refresh_from_db()
        assert claim.state == "RELEASED"

    def test_a_cancelled_booking_stays_cancelled(self) -> None:
        booking = book()
        claim = claim_of(booking)
        begin_closing(claim=claim)
        Booking.objects.filter(pk=booking.pk).update(status="CANCELLED")
        booking.refresh_from_db()
        finish_closing(claim=claim, booking=booking, actor=SYSTEM, now=NOW)
        booking.refresh_from_db()
        assert booking.status == "CANCELLED"
        assert claim_of(booking).state == "RELEASED"


class TestProlong:
    """The bank needs time."""

    def test_until_45_minutes_after_the_claim_began(self) -> None:
        booking = book()
        claim = claim_of(booking)
        prolong_payment(claim=claim, booking=booking, now=NOW)
        until = claim.held_at + timedelta(minutes=45)
        booking.refresh_from_db()
        assert claim_of(booking).expires_at == booking.expires_at == until
        assert booking.version == 2
        before = snapshot()
        prolong_payment(claim=claim_of(booking), booking=booking, now=NOW)
        assert snapshot() == before
        check_bookings()

    def test_a_claim_that_is_over_stays_over(self) -> None:
        claim = hold().claim
        claim.state = "RELEASED"
        claim.save()
        before = snapshot()
        prolong_payment(claim=claim, booking=None, now=NOW)
        assert snapshot() == before


class TestRecordPayment:
    """Money is a fact; what it does depends on when it comes."""

    def test_enough_confirms(self) -> None:
        booking = book()
        with heard(BookingConfirmed, RefundOwed) as facts:
            assert pay(booking, 4250) is PaymentOutcome.CONFIRMED
        booking.refresh_from_db()
        assert (booking.status, booking.amount_paid_cents) == ("CONFIRMED", 4250)
        assert (booking.confirmed_at, booking.expires_at) == (NOW, None)
        assert (booking.amount_due_cents, booking.balance_due_cents) == (0, 4250)
        assert [type(fact) for fact in facts] == [BookingConfirmed]
        actions = [event.action for event in booking.timeline.all()]
        assert actions == ["created", "payment_processed", "confirmed"]
        check_bookings()

    def test_too_little_waits(self) -> None:
        booking = book()
        with heard(BookingConfirmed) as facts:
            assert pay(booking, 4249) is PaymentOutcome.RECORDED
        assert (booking.status, booking.amount_due_cents, facts) == ("PENDING_PAYMENT", 1, [])

    def test_while_closing_it_still_confirms(self) -> None:
        booking = book()
        begin_closing(claim=claim_of(booking))
        assert pay(booking, 4250) is PaymentOutcome.CONFIRMED
        assert claim_of(booking).state == "BOOKED"

    def test_more_than_the_price_goes_back(self) -> None:
        booking = book()
        with heard(RefundOwed) as facts:
            pay(booking, 9000)
        (fact,) = facts
        assert isinstance(fact, RefundOwed)
        assert (fact.amount_cents, fact.reason_key) == (500, f"excess-{booking.version}")

    def test_the_balance_is_just_recorded(self) -> None:
        booking = book()
        pay(booking, 4250)
        assert pay(booking, 4250) is PaymentOutcome.RECORDED
        assert (booking.status, booking.balance_due_cents) == ("CONFIRMED", 0)

    def test_without_its_time_it_is_late(self) -> None:
        booking = expired()
        assert pay(booking, 4250) is PaymentOutcome.LATE
        booking.refresh_from_db()
        assert (booking.status, booking.amount_paid_cents) == ("EXPIRED", 4250)
        gone = book()
        claim = claim_of(gone)
        SlotClaim.objects.filter(pk=claim.pk).update(state="RELEASED")
        claim.refresh_from_db()
        assert pay(gone, 4250, claim) is PaymentOutcome.LATE

    @pytest.mark.parametrize("status", ["CANCELLED", "NO_SHOW"])
    def test_for_what_has_ended_it_is_unwanted(self, status: str) -> None:
        booking = book()
        Booking.objects.filter(pk=booking.pk).update(status=status)
        booking.refresh_from_db()
        with heard(RefundOwed) as facts:
            assert pay(booking, 4250) is PaymentOutcome.UNWANTED
        assert (booking.status, booking.amount_paid_cents, facts) == (status, 4250, [])

    def test_a_decline_is_noted_and_nothing_else(self) -> None:
        booking = book()
        before = snapshot()
        record_payment_failure(
            booking=booking,
            payment_id=booking.pk,
            decline_code="insufficient_funds",
            actor=SYSTEM,
            now=NOW,
        )
        event = booking.timeline.last()
        assert event is not None
        assert event.action == "payment_failed"
        assert event.metadata["declineCode"] == "insufficient_funds"
        assert snapshot() == before


class TestReclaim:
    """Late money wins the same time again, or nothing."""

    def late(self, **kwargs: object) -> Booking:
        booking = expired(**kwargs)
        pay(booking, booking.due_now_cents)
        return booking

    def test_the_same_time_with_the_same_notary(self) -> None:
        booking = self.late()
        other = a_notary()
        with heard(BookingConfirmed) as facts:
            assert reclaim_slot(booking_id=booking.pk, actor=SYSTEM, now=NOW)
            assert reclaim_slot(booking_id=booking.pk, actor=SYSTEM, now=NOW)
        booking.refresh_from_db()
        assert booking.status == "CONFIRMED"
        assert booking.notary_id != other.pk
        assert len(facts) == 1
        check_calendars()
        check_bookings()

    def test_else_with_another(self) -> None:
        booking = self.late()
        hold()
        assert not reclaim_slot(booking_id=booking.pk, actor=SYSTEM, now=NOW)
        other = a_notary()
        assert reclaim_slot(booking_id=booking.pk, actor=SYSTEM, now=NOW)
        booking.refresh_from_db()
        assert booking.notary_id == other.pk
        check_bookings()

    def test_when_nobody_is_free_it_stays_expired(self) -> None:
        booking = self.late()
        hold()
        before = snapshot()
        assert not reclaim_slot(booking_id=booking.pk, actor=SYSTEM, now=NOW)
        assert snapshot() == before

    def test_not_for_too_little_nor_after_the_start(self) -> None:
        booking = expired()
        pay(booking, 4249)
        assert not reclaim_slot(booking_id=booking.pk, actor=SYSTEM, now=NOW)
        pay(booking, 1)
        assert not reclaim_slot(booking_id=booking.pk, actor=SYSTEM, now=TUESDAY_10)
        booking.refresh_from_db()
        assert booking.status == "EXPIRED"

    def test_the_notice_is_the_one_of_the_booking(self) -> None:
        booking = self.late(starts_at=NOW + timedelta(hours=2))
        later = NOW + timedelta(minutes=16)
        assert reclaim_slot(booking_id=booking.pk, actor=SYSTEM, now=later)

    def test_a_cancelled_booking_is_not_brought_back(self) -> None:
        booking = self.late()
        Booking.objects.filter(pk=booking.pk).update(status="CANCELLED")
        assert not reclaim_slot(booking_id=booking.pk, actor=SYSTEM, now=NOW)
        assert not SlotClaim.objects.exclude(state="RELEASED").exists()

    def test_what_it_paid_too_much_goes_back(self) -> None:
        booking = expired()
        pay(booking, 9000)
        with heard(RefundOwed) as facts:
            assert reclaim_slot(booking_id=booking.pk, actor=SYSTEM, now=NOW)
        (fact,) = facts
        assert isinstance(fact, RefundOwed)
        assert fact.amount_cents == 500


class TestLocks:
    """What locking gives, and refuses."""

    def test_a_booking_comes_with_its_live_claim(self) -> None:
        booking = book()
        locked = lock_booking(booking_id=booking.pk)
        assert (locked.booking, locked.claim) == (booking, claim_of(booking))
        claims.release(claim=claim_of(booking), service=wanted().service)
        assert lock_booking(booking_id=booking.pk).claim is None

    def test_what_is_not_there_is_not_found(self) -> None:
        ghost = Booking()
        with pytest.raises(NotFound):
            lock_booking(booking_id=ghost.pk)
        with pytest.raises(HoldNotFound):
            lock_claim(claim_id=ghost.pk)

    def test_a_booking_that_may_not_be_confirmed_is_not(self) -> None:
        booking = book()
        pay(booking, 4250)
        from_confirmed = snapshot()
        with pytest.raises(InvalidStatusTransition):
            confirm_booking(booking=booking, claim=claim_of(booking), actor=STAFF, now=NOW)
        assert snapshot() == from_confirmed
        assert BookingStatus(booking.status) is BookingStatus.CONFIRMED

"""Cancelling: what is kept, what goes back, and what happens to the time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bookings.actions.cancel_booking import cancel_booking, preview_cancellation
from bookings.actions.mark_no_show import mark_no_show
from bookings.actions.record_refund import record_refund, record_refund_failure, reverse_refund
from bookings.actions.update_booking import BookingChanges, update_booking
from bookings.errors import CannotCancel, InvalidStatusTransition
from bookings.events import BookingCancelled, BookingNoShow, RefundOwed
from bookings.models import Booking, PromoRedemption, SlotClaim
from bookings.policy import Policy, judge_move, settle
from bookings.tests.chain import check_calendars, snapshot
from bookings.tests.factories import CUSTOMER, NOW, STAFF, TUESDAY_10, a_notary, book, hold
from bookings.tests.hearing import heard
from bookings.tests.test_update_booking import paid
from hmnp.core.context import Actor, ActorType
from hmnp.core.errors import NotFound, PreconditionFailed
from hmnp.core.events import Event
from services.models import PromoCode
from services.tests.factories import standard_service
from services.tests.fixtures import Catalogue

HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)


@pytest.fixture(autouse=True)
def _notary(catalogue: Catalogue) -> None:
    a_notary()


def cancel(booking: Booking, **kwargs: Any) -> tuple[Booking, list[Event]]:
    with heard(BookingCancelled, BookingNoShow, RefundOwed) as facts:
        cancelled = cancel_booking(
            booking_id=booking.pk,
            **{"reason": "ill", "actor": CUSTOMER, "now": NOW, **kwargs},
        )
    cancelled.refresh_from_db()
    return cancelled, facts


def owed(facts: list[Event]) -> list[tuple[int, str]]:
    return [(f.amount_cents, f.reason_key) for f in facts if isinstance(f, RefundOwed)]


class TestTiers:
    """How much is kept, to the microsecond."""

    @pytest.mark.parametrize(
        ("left", "tier", "kept"),
        [
            (24 * HOUR, "FREE", 0),
            (24 * HOUR - TICK, "LATE", 1500),
            (2 * HOUR, "LATE", 1500),
            (2 * HOUR - TICK, "LAST_MINUTE", 3500),
            (TICK, "LAST_MINUTE", 3500),
        ],
    )
    def test_each_boundary(self, left: timedelta, tier: str, kept: int) -> None:
        booking = paid()
        preview = preview_cancellation(booking=booking, actor=CUSTOMER, now=TUESDAY_10 - left)
        cancelled, facts = cancel(booking, now=TUESDAY_10 - left)
        assert (preview.kept_cents, preview.refund_cents) == (kept, 4250 - kept)
        assert cancelled.cancel_tier == tier
        assert (cancelled.cancel_kept_cents, cancelled.cancel_refund_cents) == (kept, 4250 - kept)
        assert owed(facts) == [(4250 - kept, "cancel")]
        assert cancelled.refund_status == "PENDING"
        assert (cancelled.amount_due_cents, cancelled.balance_due_cents) == (0, 0)

    def test_what_is_kept_above_what_was_paid_is_waived(self) -> None:
        booking = book(actor=STAFF)
        cancelled, facts = cancel(booking, now=TUESDAY_10 - HOUR)
        assert (cancelled.cancel_kept_cents, cancelled.cancel_refund_cents) == (0, 0)
        assert (owed(facts), cancelled.refund_status) == ([], "NONE")

    def test_by_us_everything_goes_back(self) -> None:
        cancelled, facts = cancel(paid(), now=TUESDAY_10 - HOUR, actor=STAFF, by_us=True)
        assert cancelled.cancel_tier == "BY_US"
        assert owed(facts) == [(4250, "cancel")]

    def test_a_late_move_does_not_buy_a_free_cancellation(self) -> None:
        booking = paid()
        moved_at = TUESDAY_10 - 3 * HOUR
        update_booking(
            booking_id=booking.pk,
            changes=BookingChanges(starts_at=TUESDAY_10 + timedelta(days=7)),
            actor=CUSTOMER,
            now=moved_at,
        )
        cancelled, facts = cancel(booking, now=moved_at + HOUR / 2)
        assert cancelled.cancel_tier == "LATE"
        assert owed(facts) == [(4250 - 1500, "cancel")]

    def test_the_policy_is_the_one_it_was_booked_under(self, catalogue: Catalogue) -> None:
        booking = paid()
        booking.service.cancellation_tiers.update(kept_cents=4000)
        _, facts = cancel(booking)
        assert owed(facts) == [(4250, "cancel")]


class TestCancel:
    """The row stays, the time is free."""

    def test_who_why_and_when_are_kept(self) -> None:
        actor = Actor(type=ActorType.CUSTOMER, request_id="req-cancel", ip="203.0.113.7")
        booking = paid()
        cancelled, facts = cancel(booking, actor=actor)
        assert cancelled.status == "CANCELLED"
        assert (cancelled.cancelled_at, cancelled.cancelled_by) == (NOW, "customer")
        assert cancelled.cancel_reason == "ill"
        assert cancelled.version == booking.version + 1
        event = cancelled.timeline.last()
        assert event is not None
        assert (event.action, event.request_id, event.ip_address) == (
            "cancelled",
            "req-cancel",
            "203.0.113.7",
        )
        assert event.changes["status"] == ["CONFIRMED", "CANCELLED"]
        assert isinstance(facts[0], BookingCancelled)
        assert facts[0].previous_status == "CONFIRMED"
        assert SlotClaim.objects.get().state == "RELEASED"
        assert hold().is_new
        check_calendars()

    def test_again_gives_the_same(self) -> None:
        booking = paid()
        first, _ = cancel(booking)
        second, facts = cancel(booking, reason="again", now=TUESDAY_10)
        assert (second.version, second.cancel_reason) == (first.version, "ill")
        assert facts == []
        assert booking.timeline.filter(action="cancelled").count() == 1

    def test_before_it_is_paid_nothing_is_kept_and_the_promo_code_is_given_back(self) -> None:
        booking = book(promo_code="WELCOME10")
        cancelled, facts = cancel(booking, now=TUESDAY_10 - HOUR)
        assert (cancelled.status, cancelled.expires_at) == ("CANCELLED", None)
        assert owed(facts) == []
        assert PromoCode.objects.get(code="WELCOME10").times_used == 0
        assert PromoRedemption.objects.get().released_at is not None
        # No intent was opened, so the time need not wait for one to close.
        assert SlotClaim.objects.get().state == "RELEASED"

    def test_once_it_is_paid_the_promo_code_stays_used(self) -> None:
        cancel(paid(promo_code="WELCOME10"))
        assert PromoCode.objects.get(code="WELCOME10").times_used == 1

    def test_a_stale_version_is_refused(self) -> None:
        booking = paid()
        before = snapshot()
        with pytest.raises(PreconditionFailed):
            cancel(booking, expected_version=booking.version - 1)
        assert snapshot() == before
        cancel(booking, expected_version=booking.version)

    def test_after_the_start_only_staff_can(self) -> None:
        booking = paid()
        before = snapshot()
        with pytest.raises(CannotCancel):
            cancel(booking, now=TUESDAY_10)
        assert snapshot() == before
        cancelled, _ = cancel(booking, now=TUESDAY_10, actor=STAFF)
        assert cancelled.cancel_tier == "LAST_MINUTE"

    @pytest.mark.parametrize("status", ["COMPLETED", "NO_SHOW", "EXPIRED", "IN_PROGRESS"])
    def test_what_has_ended_cannot_be_cancelled(self, status: str) -> None:
        booking = paid()
        Booking.objects.filter(pk=booking.pk).update(status=status)
        before = snapshot()
        for actor in (CUSTOMER, STAFF):
            if (actor, status) == (STAFF, "IN_PROGRESS"):
                continue
            with pytest.raises(CannotCancel):
                cancel(booking, actor=actor)
        assert snapshot() == before

    def test_staff_cancel_what_is_in_progress(self) -> None:
        booking = paid()
        Booking.objects.filter(pk=booking.pk).update(status="IN_PROGRESS")
        cancelled, _ = cancel(booking, actor=STAFF, now=TUESDAY_10 + HOUR / 2)
        assert cancelled.status == "CANCELLED"

    def test_an_unknown_booking_is_not_found(self) -> None:
        with pytest.raises(NotFound):
            cancel(Booking())


class TestNoShow:
    """Nobody was there."""

    def test_fifty_and_the_travel_fee_are_kept(self) -> None:
        booking = paid(zip_code="77002", documents=20, signers=10)
        assert booking.amount_paid_cents == 16500
        with heard(BookingNoShow, RefundOwed) as facts:
            done = mark_no_show(booking_id=booking.pk, actor=STAFF, now=TUESDAY_10)
        assert (done.status, done.cancel_kept_cents) == ("NO_SHOW", 5000 + 4500)
        assert owed(facts) == [(16500 - 9500, "no_show")]
        assert done.timeline.filter(action="no_show").count() == 1
        assert done.balance_due_cents == 0

    def test_what_was_not_paid_is_not_asked_for(self) -> None:
        booking = paid()
        with heard(RefundOwed) as facts:
            done = mark_no_show(booking_id=booking.pk, actor=STAFF, now=TUESDAY_10 + HOUR)
        assert (done.cancel_kept_cents, facts, done.refund_status) == (4250, [], "NONE")

    def test_not_before_the_start(self) -> None:
        booking = paid()
        before = snapshot()
        with pytest.raises(InvalidStatusTransition):
            mark_no_show(booking_id=booking.pk, actor=STAFF, now=TUESDAY_10 - TICK)
        assert snapshot() == before


class TestRefunds:
    """Money going back, as the booking tells it."""

    def test_it_is_counted_and_the_status_follows(self) -> None:
        booking, _ = cancel(paid(), now=TUESDAY_10 - 3 * HOUR)
        refund: dict[str, Any] = {
            "booking": booking,
            "actor": STAFF,
            "now": NOW,
            "refund_id": booking.pk,
        }
        record_refund(amount_cents=1000, **refund)
        assert (booking.amount_refunded_cents, booking.refund_status) == (1000, "PENDING")
        record_refund(amount_cents=1750, **refund)
        assert (booking.amount_refunded_cents, booking.refund_status) == (2750, "SUCCEEDED")
        assert booking.timeline.filter(action="refunded").count() == 2
        version = booking.version
        reverse_refund(amount_cents=1750, **refund)
        booking.refresh_from_db()
        assert (booking.amount_refunded_cents, booking.refund_status) == (1000, "FAILED")
        assert booking.version == version + 1

    def test_a_failure_is_seen_by_whoever_reads_the_version(self) -> None:
        booking, _ = cancel(paid())
        version = booking.version
        record_refund_failure(
            booking=booking, refund_id=booking.pk, reason="no", actor=STAFF, now=NOW
        )
        booking.refresh_from_db()
        assert (booking.refund_status, booking.version) == ("FAILED", version + 1)
        event = booking.timeline.last()
        assert event is not None
        assert event.metadata["failed"] is True

    def test_without_a_cancellation_no_status_is_shown(self) -> None:
        booking = paid()
        record_refund_failure(
            booking=booking, refund_id=booking.pk, reason="no", actor=STAFF, now=NOW
        )
        record_refund(booking=booking, refund_id=booking.pk, amount_cents=5, actor=STAFF, now=NOW)
        booking.refresh_from_db()
        assert booking.refund_status == "NONE"
        assert booking.balance_due_cents == 8500 - 4250 + 5


class TestPolicy:
    """The pure rules."""

    policy = Policy.of(standard_service())

    def test_it_survives_being_kept(self) -> None:
        assert Policy.from_snapshot(self.policy.to_snapshot()) == self.policy

    def test_what_is_kept_is_never_more_than_was_paid(self) -> None:
        tier = self.policy.tier("NO_SHOW")
        for net, kept in [(0, 0), (100, 100), (5000, 5000), (9500, 9500), (20000, 9500)]:
            settlement = settle(tier=tier, net_paid_cents=net, travel_fee_cents=4500)
            assert (settlement.kept_cents, settlement.refund_cents) == (kept, net - kept)

    def test_an_unknown_tier_is_a_bug(self) -> None:
        with pytest.raises(LookupError):
            self.policy.tier("NONE")

    def test_after_the_start_the_last_tier_applies(self) -> None:
        tier = self.policy.tier_for(starts_at=TUESDAY_10, now=TUESDAY_10 + HOUR)
        assert tier.code == "LAST_MINUTE"

    @pytest.mark.parametrize("by_us", [True, False])
    def test_moving_by_us_is_free(self, by_us: bool) -> None:
        move = judge_move(
            policy=self.policy,
            starts_at=TUESDAY_10,
            new_starts_at=TUESDAY_10 + HOUR,
            tier_starts_at=TUESDAY_10,
            now=TUESDAY_10 - HOUR,
            by_us=by_us,
        )
        assert (move.fee_cents == 0) is by_us

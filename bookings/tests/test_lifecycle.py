"""The one table of allowed moves: every state, every action, and what a refusal leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction

from bookings import claims, timeline
from bookings.actions.assign_notary import assign_notary
from bookings.actions.cancel_booking import cancel_booking
from bookings.actions.complete_booking import complete_booking
from bookings.actions.mark_no_show import mark_no_show
from bookings.actions.record_ron_session import record_ron_session
from bookings.actions.start_booking import start_booking
from bookings.actions.update_booking import BookingChanges, update_booking
from bookings.actions.waive_deposit import waive_deposit
from bookings.errors import CannotCancel, InvalidStatusTransition, SlotTaken
from bookings.events import (
    BookingAssigned,
    BookingCompleted,
    BookingConfirmed,
    BookingStarted,
)
from bookings.models import Booking, BusyBlock, SlotClaim, TimelineEvent
from bookings.sessions import SessionStatus
from bookings.states import TRANSITIONS, BookingStatus, ClaimState, TimelineAction, may_move
from bookings.tests.chain import check_bookings, check_calendars, snapshot
from bookings.tests.factories import CUSTOMER, NOW, TUESDAY_10, a_notary, book, hold
from bookings.tests.hearing import heard
from bookings.tests.test_update_booking import paid
from hmnp.core.context import Actor, ActorType
from hmnp.core.errors import NotFound, ServiceUnavailable, ValidationFailed
from hmnp.core.transactions import RollBackAndRetry, run
from services.tests.fixtures import Catalogue

DURING = TUESDAY_10 + timedelta(minutes=10)
DESK = Actor(type=ActorType.ADMIN, id="7", request_id="req-desk-1", ip="203.0.113.9")

ACTIONS: dict[str, Callable[[Booking], Booking]] = {
    "waive": lambda b: waive_deposit(booking_id=b.pk, reason="cash", actor=DESK, now=DURING),
    "start": lambda b: start_booking(booking_id=b.pk, actor=DESK, now=DURING),
    "complete": lambda b: complete_booking(booking_id=b.pk, actor=DESK, now=DURING),
    "no_show": lambda b: mark_no_show(booking_id=b.pk, actor=DESK, now=DURING),
    "cancel": lambda b: cancel_booking(booking_id=b.pk, reason="", actor=DESK, now=DURING),
    "update": lambda b: update_booking(
        booking_id=b.pk, changes=BookingChanges(details={"city": "X"}), actor=DESK, now=DURING
    ),
}

P, C, W, D, N, X, E = (
    BookingStatus.PENDING_PAYMENT,
    BookingStatus.CONFIRMED,
    BookingStatus.IN_PROGRESS,
    BookingStatus.COMPLETED,
    BookingStatus.NO_SHOW,
    BookingStatus.CANCELLED,
    BookingStatus.EXPIRED,
)
# What each action makes of each state; what is missing is refused.
BECOMES = {
    "waive": {P: C},
    "start": {C: W},
    "complete": {W: D},
    "no_show": {C: N, W: N},
    "cancel": {P: X, C: X, W: X, X: X},
    "update": {P: P, C: C},
}


@pytest.fixture(autouse=True)
def _notary(catalogue: Catalogue) -> None:
    a_notary()


def in_state(status: BookingStatus) -> Booking:
    """Give a booking in `status`, with the claim that goes with it."""
    booking = book() if status is P else paid()
    live = {P: "PAYING", X: "RELEASED", E: "RELEASED"}.get(status, "BOOKED")
    SlotClaim.objects.filter(booking=booking).update(state=live)
    Booking.objects.filter(pk=booking.pk).update(status=status)
    booking.refresh_from_db()
    return booking


@pytest.mark.parametrize("status", list(BookingStatus))
def test_what_a_state_does_not_allow_is_refused_and_changes_nothing(status: BookingStatus) -> None:
    booking = in_state(status)
    before, events = snapshot(), booking.timeline.count()
    refused = [action for action, becomes in BECOMES.items() if status not in becomes]
    assert refused
    for action in refused:
        with pytest.raises((InvalidStatusTransition, CannotCancel)):
            ACTIONS[action](booking)
        assert (snapshot(), booking.timeline.count()) == (before, events), action


@pytest.mark.parametrize(
    ("action", "status"),
    [(action, status) for action, becomes in BECOMES.items() for status in becomes],
)
def test_what_a_state_allows_is_done_and_told(action: str, status: BookingStatus) -> None:
    booking = in_state(status)
    target = BECOMES[action][status]
    done = ACTIONS[action](booking)
    done.refresh_from_db()
    assert done.status == target
    if (action, status) == ("cancel", X):
        assert done.version == booking.version
        return
    assert target == status or may_move(source=status, target=target)
    assert done.version > booking.version
    assert done.updated_at == DURING
    event = done.timeline.last()
    assert event is not None
    assert (event.actor_type, event.actor_id) == ("admin", "7")
    assert (event.request_id, event.ip_address) == ("req-desk-1", "203.0.113.9")
    assert event.at == DURING


def test_the_table_is_the_contracts() -> None:
    assert {source: set(targets) for source, targets in TRANSITIONS.items()} == {
        P: {C, X, E},
        C: {W, N, X},
        W: {D, N, X},
        E: {C},
        D: set(),
        N: set(),
        X: set(),
    }


@pytest.mark.parametrize("action", list(ACTIONS))
def test_an_unknown_booking_is_not_found(action: str) -> None:
    with pytest.raises(NotFound):
        ACTIONS[action](Booking())


class TestTheWholeWay:
    """From confirmed to completed."""

    def test_the_claim_stays_when_the_work_is_done(self) -> None:
        booking = paid()
        with heard(BookingStarted, BookingCompleted) as facts:
            ACTIONS["start"](booking)
            ACTIONS["complete"](booking)
        assert [type(fact) for fact in facts] == [BookingStarted, BookingCompleted]
        assert SlotClaim.objects.get().state == "BOOKED"
        booking.refresh_from_db()
        assert booking.balance_due_cents == 4250
        check_bookings()

    def test_a_remote_session_starts_only_when_all_is_paid(self) -> None:
        a_notary(skills=["ron"])
        booking = paid(slug="ron", zip_code=None)
        update_booking(
            booking_id=booking.pk, changes=BookingChanges(documents=2), actor=CUSTOMER, now=NOW
        )
        before = snapshot()
        with pytest.raises(InvalidStatusTransition):
            ACTIONS["start"](booking)
        assert snapshot() == before
        Booking.objects.filter(pk=booking.pk).update(amount_paid_cents=4500)
        assert ACTIONS["start"](booking).status == "IN_PROGRESS"


class TestWaive:
    """Staff let it stand unpaid."""

    def test_the_reason_stays_and_the_price_is_all_balance(self) -> None:
        booking = book()
        with heard(BookingConfirmed) as facts:
            done = waive_deposit(booking_id=booking.pk, reason=" a friend ", actor=DESK, now=NOW)
        assert (done.status, done.deposit_waived_reason) == ("CONFIRMED", "a friend")
        assert (done.due_now_cents, done.balance_due_cents, done.expires_at) == (0, 8500, None)
        assert len(facts) == 1
        actions = [event.action for event in done.timeline.all()]
        assert actions == ["created", "deposit_waived", "confirmed"]
        assert SlotClaim.objects.get().state == "BOOKED"
        check_bookings()

    @pytest.mark.parametrize("reason", ["", "  "])
    def test_without_a_reason_it_is_refused(self, reason: str) -> None:
        booking = book()
        before = snapshot()
        with pytest.raises(ValidationFailed) as refused:
            waive_deposit(booking_id=booking.pk, reason=reason, actor=DESK, now=NOW)
        assert refused.value.field == "reason"
        assert snapshot() == before


class TestAssign:
    """Another notary, the same time."""

    def test_the_job_changes_hands(self) -> None:
        booking, other = paid(), a_notary(home_zip="77058")
        with heard(BookingAssigned) as facts:
            done = assign_notary(booking_id=booking.pk, notary_id=other.pk, actor=DESK, now=NOW)
        (fact,) = facts
        assert isinstance(fact, BookingAssigned)
        assert fact.previous_notary_id == booking.notary_id != other.pk
        assert (done.notary_id, done.starts_at) == (other.pk, TUESDAY_10)
        event = done.timeline.last()
        assert event is not None
        assert event.action == "assigned"
        assert event.changes == {"notary_id": [booking.notary_id, other.pk]}
        check_calendars()
        check_bookings()

    def test_to_the_same_notary_nothing_changes(self) -> None:
        booking = paid()
        before = snapshot()
        assert booking.notary_id is not None
        with heard(BookingAssigned) as facts:
            assign_notary(booking_id=booking.pk, notary_id=booking.notary_id, actor=DESK, now=NOW)
        assert (facts, snapshot()) == ([], before)

    @pytest.mark.parametrize("why", ["HELD", "BUSY", "OUTSIDE_HOURS", "no skill", "unknown"])
    def test_who_cannot_take_it_is_refused_with_why(self, why: str) -> None:
        booking = paid()
        hours = (0, 60) if why == "OUTSIDE_HOURS" else None
        other = a_notary(skills=["ron"] if why == "no skill" else None, hours=hours)
        if why == "HELD":
            claim = hold().claim
            assert claim.notary_id == other.pk
        if why == "BUSY":
            period = (TUESDAY_10, TUESDAY_10 + timedelta(hours=1))
            BusyBlock.objects.create(notary=other, period=period, source="t", external_id="1")
        before = snapshot()
        with pytest.raises(SlotTaken) as refused:
            assign_notary(
                booking_id=booking.pk,
                notary_id=0 if why == "unknown" else other.pk,
                actor=DESK,
                now=NOW,
            )
        expected = "OUTSIDE_HOURS" if why in ("no skill", "unknown") else why
        assert refused.value.details == {"reason": expected}
        assert snapshot() == before
        check_calendars()

    @pytest.mark.parametrize("status", [D, N, X, E])
    def test_what_has_ended_stays_with_whom_it_was(self, status: BookingStatus) -> None:
        booking, other = in_state(status), a_notary()
        before = snapshot()
        with pytest.raises(InvalidStatusTransition):
            assign_notary(booking_id=booking.pk, notary_id=other.pk, actor=DESK, now=NOW)
        assert snapshot() == before


class TestCompareAndSwap:
    """A row that is not the one that was read is never written over."""

    def test_a_change_behind_ones_back_rolls_back(self) -> None:
        booking = paid()
        stale = Booking.objects.get(pk=booking.pk)
        ACTIONS["update"](booking)
        before, events = snapshot(), TimelineEvent.objects.count()

        def write() -> None:
            timeline.apply(
                booking=stale,
                action=TimelineAction.UPDATED,
                actor=DESK,
                now=NOW,
                changes={"city": "Overwritten"},
            )

        with pytest.raises(RollBackAndRetry), transaction.atomic():
            write()
        with pytest.raises(ServiceUnavailable):
            run(write)
        assert (snapshot(), TimelineEvent.objects.count()) == (before, events)

    def test_a_claim_that_moved_on_is_not_turned(self) -> None:
        claim = SlotClaim.objects.get(booking=paid())
        before = snapshot()
        turned = claims.turn(claim=claim, source=(ClaimState.HELD,), target=ClaimState.PAYING)
        assert not turned
        assert claim.state == "BOOKED"
        assert snapshot() == before


def test_a_remote_session_is_shown_to_the_customer_once_per_change() -> None:
    a_notary(skills=["ron"])
    booking = paid(slug="ron", zip_code=None)
    for _ in range(2):
        done = record_ron_session(
            booking_id=booking.pk,
            join_url="https://example.com/join",
            status=SessionStatus.READY,
            actor=Actor(type=ActorType.PROVIDER),
            now=NOW,
        )
    assert (done.ron_join_url, done.ron_status) == ("https://example.com/join", "ready")
    assert done.version == booking.version + 1
    assert done.timeline.filter(action="integration_synced").count() == 1

"""Changing a booking: details, price, time, place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bookings.actions.begin_payment import begin_payment
from bookings.actions.record_payment import record_payment
from bookings.actions.update_booking import BookingChanges, update_booking
from bookings.errors import InvalidStatusTransition, SlotTaken, SlotUnavailable
from bookings.events import BookingRepriced, BookingRescheduled, BookingUpdated, RefundOwed
from bookings.models import Booking, SlotClaim
from bookings.tests.chain import check_bookings, check_calendars, snapshot
from bookings.tests.factories import (
    CUSTOMER,
    HALF_HOUR,
    NOW,
    STAFF,
    TUESDAY_10,
    a_notary,
    book,
    hold,
)
from bookings.tests.hearing import heard
from hmnp.core.context import Actor
from hmnp.core.errors import NotFound, PreconditionFailed, ValidationFailed
from hmnp.core.events import Event
from services.errors import OutOfServiceArea
from services.models import PromoCode
from services.tests.fixtures import Catalogue

DAY = timedelta(days=1)
FACTS = (BookingUpdated, BookingRescheduled, BookingRepriced, RefundOwed)


@pytest.fixture(autouse=True)
def _notary(catalogue: Catalogue) -> None:
    a_notary()


def change(
    booking: Booking,
    *,
    actor: Actor = CUSTOMER,
    now: datetime = NOW,
    version: int | None = None,
    starts_at: datetime | None = None,
    signers: int | None = None,
    documents: int | None = None,
    **details: Any,
) -> tuple[Booking, list[Event]]:
    """Change a booking; give it as it is then, with the facts that were stated."""
    with heard(*FACTS) as facts:
        changed = update_booking(
            booking_id=booking.pk,
            changes=BookingChanges(
                details=details, starts_at=starts_at, signers=signers, documents=documents
            ),
            actor=actor,
            now=now,
            expected_version=version,
        )
    changed.refresh_from_db()
    return changed, facts


def paid(**kwargs: Any) -> Booking:
    """Book and pay what is due."""
    booking = book(**kwargs)
    claim = SlotClaim.objects.get(booking=booking)
    record_payment(
        booking=booking,
        claim=claim,
        payment_id=None,
        amount_cents=booking.due_now_cents,
        kind="DEPOSIT",
        actor=CUSTOMER,
        now=NOW,
    )
    return booking


class TestDetails:
    """What changes without a move."""

    def test_a_name_changes_and_the_timeline_says_that_not_what(self) -> None:
        booking = book()
        changed, facts = change(booking, customer_name="Grace Hopper", street="2 Side St")
        assert (changed.customer_name, changed.street) == ("Grace Hopper", "2 Side St")
        assert changed.version == booking.version + 1
        event = changed.timeline.last()
        assert event is not None
        assert event.action == "updated"
        assert set(event.changes) == {"customer_name", "street"}
        assert "Grace" not in repr(event.changes)
        (fact,) = facts
        assert isinstance(fact, BookingUpdated)
        assert fact.previous_email is None

    def test_a_new_e_mail_names_the_old_one(self) -> None:
        _, facts = change(book(), customer_email="new@example.com")
        (fact,) = facts
        assert isinstance(fact, BookingUpdated)
        assert fact.previous_email == "ada@example.com"

    def test_a_new_e_mail_with_a_move_tells_of_both(self) -> None:
        _, facts = change(
            book(), customer_email="new@example.com", starts_at=TUESDAY_10 + HALF_HOUR
        )
        assert [type(fact) for fact in facts] == [BookingRescheduled, BookingUpdated]

    def test_nothing_new_changes_nothing(self) -> None:
        booking = book()
        before, events = snapshot(), booking.timeline.count()
        changed, facts = change(
            booking, customer_name="Ada Customer", signers=1, starts_at=TUESDAY_10
        )
        assert changed.version == booking.version
        assert (facts, snapshot(), booking.timeline.count()) == ([], before, events)

    def test_actor_request_and_address_are_on_the_timeline(self) -> None:
        actor = Actor(
            type=STAFF.type, id="7", request_id="req-77777", ip="203.0.113.9", user_agent="x"
        )
        changed, _ = change(book(), actor=actor, special_instructions="Ring.")
        event = changed.timeline.last()
        assert event is not None
        assert (event.actor_type, event.actor_id) == ("admin", "7")
        assert (event.request_id, event.ip_address) == ("req-77777", "203.0.113.9")

    def test_a_stale_version_is_refused(self) -> None:
        booking = book()
        changed, _ = change(booking, version=booking.version, customer_name="Grace Hopper")
        before = snapshot()
        with pytest.raises(PreconditionFailed):
            change(booking, version=booking.version, customer_name="Someone Else")
        assert snapshot() == before
        changed.refresh_from_db()
        assert changed.customer_name == "Grace Hopper"

    def test_an_unknown_booking_is_not_found(self) -> None:
        ghost = Booking()
        with pytest.raises(NotFound):
            change(ghost, customer_name="Nobody")


class TestPrice:
    """What a change costs, and what it gives back."""

    def test_before_payment_the_amount_due_follows_the_price(self) -> None:
        changed, facts = change(book(), documents=6)
        assert (changed.price_cents, changed.due_now_cents) == (10500, 5250)
        repriced = facts[-1]
        assert isinstance(repriced, BookingRepriced)
        assert repriced.due_cents == 5250
        check_bookings()

    def test_an_intent_freezes_what_is_due_not_the_price(self) -> None:
        booking = book()
        begin_payment(claim=SlotClaim.objects.get(booking=booking), now=NOW, booking=booking)
        changed, facts = change(booking, documents=6)
        assert (changed.price_cents, changed.due_now_cents) == (10500, 4250)
        assert not any(isinstance(fact, BookingRepriced) for fact in facts)

    def test_dearer_stays_confirmed_and_the_balance_rises(self) -> None:
        booking = paid()
        changed, facts = change(booking, zip_code="77581", street="3 Far St")
        assert changed.status == "CONFIRMED"
        assert (changed.price_cents, changed.due_now_cents) == (11000, 4250)
        assert (changed.amount_due_cents, changed.balance_due_cents) == (0, 6750)
        assert [type(fact) for fact in facts] == [BookingRescheduled]
        check_calendars()
        check_bookings()

    def test_cheaper_than_what_was_paid_is_owed_back_to_the_cent(self) -> None:
        a_notary(skills=["ron"])
        booking = paid(slug="ron", zip_code=None, documents=3, signers=2)
        assert booking.amount_paid_cents == 5800
        changed, facts = change(booking, documents=1, signers=1)
        assert changed.price_cents == 3500
        owed = facts[-1]
        assert isinstance(owed, RefundOwed)
        assert owed.amount_cents == 2300
        assert owed.reason_key == f"move-{changed.version}"

    def test_cheaper_but_not_below_what_was_paid_owes_nothing(self) -> None:
        booking = paid(zip_code="77581")
        changed, facts = change(booking, zip_code="77573")
        assert (changed.price_cents, changed.amount_paid_cents) == (8500, 5500)
        assert not any(isinstance(fact, RefundOwed) for fact in facts)

    def test_the_promo_code_stays_and_is_not_counted_again(self) -> None:
        booking = book(promo_code="WELCOME10")
        changed, _ = change(booking, starts_at=TUESDAY_10 + DAY)
        assert changed.price_cents == 7650
        assert PromoCode.objects.get(code="WELCOME10").times_used == 1

    def test_too_many_signers_are_refused(self) -> None:
        booking = book()
        before = snapshot()
        with pytest.raises(ValidationFailed):
            change(booking, signers=11)
        assert snapshot() == before


class TestMove:
    """Another time or place."""

    def test_it_moves_in_place_and_frees_the_old_time(self) -> None:
        booking = paid()
        claim = SlotClaim.objects.get()
        changed, facts = change(booking, starts_at=TUESDAY_10 + HALF_HOUR)
        moved = SlotClaim.objects.get()
        assert (moved.pk, moved.state) == (claim.pk, "BOOKED")
        assert changed.starts_at == moved.starts_at == TUESDAY_10 + HALF_HOUR
        assert changed.ends_at == changed.starts_at + timedelta(hours=1)
        (fact,) = facts
        assert isinstance(fact, BookingRescheduled)
        assert fact.previous_starts_at == TUESDAY_10
        assert fact.previous_notary_id == changed.notary_id
        event = changed.timeline.last()
        assert event is not None
        assert event.action == "rescheduled"
        assert event.changes["starts_at"] == [
            TUESDAY_10.isoformat(),
            (TUESDAY_10 + HALF_HOUR).isoformat(),
        ]
        check_calendars()
        check_bookings()

    def test_the_same_notary_keeps_the_job_if_it_can(self) -> None:
        booking = book(zip_code="77591")
        a_notary(home_zip="77002")
        changed, _ = change(booking, zip_code="77002", starts_at=TUESDAY_10 + DAY)
        assert changed.notary_id == booking.notary_id

    def test_else_another_takes_it(self) -> None:
        booking = book()
        second = a_notary(home_zip="77002")
        hold(starts_at=TUESDAY_10 + DAY)
        changed, facts = change(booking, starts_at=TUESDAY_10 + DAY)
        assert changed.notary_id == second.pk
        assert isinstance(facts[0], BookingRescheduled)
        assert facts[0].previous_notary_id == booking.notary_id
        check_calendars()
        check_bookings()

    def test_a_taken_time_is_refused_and_the_old_one_stays(self) -> None:
        booking = book()
        hold(starts_at=TUESDAY_10 + DAY)
        before, events = snapshot(), booking.timeline.count()
        with pytest.raises(SlotTaken) as refused:
            change(booking, starts_at=TUESDAY_10 + DAY)
        assert len(refused.value.details["alternatives"]) == 3
        assert (snapshot(), booking.timeline.count()) == (before, events)
        check_calendars()

    @pytest.mark.parametrize(
        "start",
        [
            TUESDAY_10 + timedelta(minutes=5),
            TUESDAY_10 + timedelta(hours=8),
            TUESDAY_10 + timedelta(days=120),
            NOW + timedelta(hours=1),
        ],
    )
    def test_a_time_never_on_offer_is_refused(self, start: datetime) -> None:
        booking = book()
        before = snapshot()
        with pytest.raises(SlotUnavailable):
            change(booking, starts_at=start)
        assert snapshot() == before

    def test_a_place_out_of_the_area_is_refused(self) -> None:
        booking = book()
        before = snapshot()
        with pytest.raises(OutOfServiceArea):
            change(booking, zip_code="77450")
        assert snapshot() == before

    def test_a_customer_cannot_move_inside_the_notice_but_staff_can(self) -> None:
        booking = paid()
        late = TUESDAY_10 - timedelta(hours=2) + timedelta(seconds=1)
        before = snapshot()
        for kwargs in ({"starts_at": TUESDAY_10 + DAY}, {"zip_code": "77058"}):
            with pytest.raises(SlotUnavailable):
                change(booking, now=late, **kwargs)
        assert snapshot() == before
        changed, _ = change(booking, now=late, actor=STAFF, zip_code="77058")
        assert (changed.starts_at, changed.zip_code) == (TUESDAY_10, "77058")
        changed, _ = change(booking, now=late, actor=STAFF, starts_at=TUESDAY_10 + DAY)
        assert changed.starts_at == TUESDAY_10 + DAY
        assert changed.move_fee_cents == 0
        check_calendars()
        check_bookings()

    def test_at_the_notice_itself_a_customer_still_can(self) -> None:
        changed, _ = change(paid(), now=TUESDAY_10 - timedelta(hours=2), starts_at=TUESDAY_10 + DAY)
        assert changed.starts_at == TUESDAY_10 + DAY

    @pytest.mark.parametrize(
        ("left", "fee"),
        [
            (timedelta(hours=24), 0),
            (timedelta(hours=24) - timedelta(microseconds=1), 2500),
            (timedelta(hours=3), 2500),
        ],
    )
    def test_a_late_move_costs(self, left: timedelta, fee: int) -> None:
        changed, _ = change(paid(), now=TUESDAY_10 - left, starts_at=TUESDAY_10 + 7 * DAY)
        assert changed.move_fee_cents == fee
        assert changed.price_cents == 8500 + fee
        assert changed.pricing["move_fee_cents"] == fee
        # The clock of the tiers is not set back by a late move.
        assert changed.tier_starts_at == (TUESDAY_10 if fee else TUESDAY_10 + 7 * DAY)

    def test_a_second_late_move_costs_again_and_keeps_the_earliest_start(self) -> None:
        booking = paid()
        first, _ = change(booking, now=TUESDAY_10 - timedelta(hours=3), starts_at=TUESDAY_10 + DAY)
        second, _ = change(
            first, now=TUESDAY_10 + timedelta(hours=21), starts_at=TUESDAY_10 + 2 * DAY
        )
        assert second.move_fee_cents == 5000
        assert second.tier_starts_at == TUESDAY_10
        third, _ = change(
            second, now=TUESDAY_10 + timedelta(hours=21), starts_at=TUESDAY_10 + 6 * DAY
        )
        assert third.tier_starts_at == TUESDAY_10

    def test_before_it_is_paid_a_move_is_free(self) -> None:
        changed, _ = change(book(), now=TUESDAY_10 - timedelta(hours=3), starts_at=TUESDAY_10 + DAY)
        assert changed.move_fee_cents == 0

    def test_an_emergency_is_judged_anew_only_for_another_time(self) -> None:
        soon = datetime(2027, 3, 1, 18, 0, tzinfo=UTC)
        booking = paid(starts_at=soon)
        assert booking.is_emergency
        more, _ = change(booking, documents=5)
        assert (more.is_emergency, more.price_cents) == (True, 14500)
        moved, _ = change(more, starts_at=TUESDAY_10, actor=STAFF)
        assert (moved.is_emergency, moved.price_cents) == (False, 9500)


@pytest.mark.parametrize("status", ["IN_PROGRESS", "COMPLETED", "NO_SHOW", "CANCELLED", "EXPIRED"])
def test_what_has_begun_or_ended_is_not_changed(status: str) -> None:
    booking = paid()
    Booking.objects.filter(pk=booking.pk).update(status=status)
    before = snapshot()
    for kwargs in ({"customer_name": "Late"}, {"starts_at": TUESDAY_10 + DAY}):
        with pytest.raises(InvalidStatusTransition):
            change(booking, actor=STAFF, **kwargs)
    assert snapshot() == before

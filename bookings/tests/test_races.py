"""Every lock under a crowd, and the crowd without lock and constraint, to see what they do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client
from pytest_django import Settings

from bookings.actions.assign_notary import assign_notary
from bookings.actions.cancel_booking import cancel_booking
from bookings.actions.create_booking import create_booking
from bookings.actions.expire_holds import expire_holds
from bookings.actions.hold_slot import HoldRequest, hold_slot
from bookings.actions.reclaim_slot import reclaim_slot
from bookings.actions.release_hold import release_hold
from bookings.actions.update_booking import BookingChanges, update_booking
from bookings.actions.waive_deposit import waive_deposit
from bookings.errors import SlotTaken
from bookings.holders import Holder, token_of
from bookings.models import Booking, PromoRedemption, SlotClaim
from bookings.requests import BookingRequest
from bookings.states import LIVE_CLAIM_STATES
from bookings.tests.chain import check_bookings, check_calendars
from bookings.tests.crowd import Crowd, deadlocks, together
from bookings.tests.factories import (
    CUSTOMER,
    HOLDER,
    NOW,
    STAFF,
    TUESDAY_10,
    a_notary,
    book,
    customer,
    hold,
    wanted,
)
from hmnp.core.idempotency import fingerprint
from services.models import PromoCode
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _no_deadlock(db: None) -> Iterator[None]:
    """However many meet, PostgreSQL never has to shoot one of them."""
    before = deadlocks()
    yield
    assert deadlocks() == before


def live_claims() -> int:
    return SlotClaim.objects.filter(state__in=[s.value for s in LIVE_CLAIM_STATES]).count()


def check_storm(crowd: Crowd[Any], *, winners: int) -> None:
    """Assert that just so many won and that everyone else was told what else there is."""
    assert crowd.codes() <= {"SLOT_TAKEN"}, crowd.errors
    assert len(crowd.results) == winners
    for error in crowd.errors:
        assert isinstance(error, SlotTaken)
        assert len(error.details["alternatives"]) == 3
    assert live_claims() == winners
    check_calendars()


@pytest.mark.parametrize("free", [1, 2])
def test_fifty_on_one_slot_get_as_many_as_there_are_notaries(
    catalogue: Catalogue, free: int
) -> None:
    for _ in range(free):
        a_notary()
    check_storm(together(50, lambda _: hold()), winners=free)


@pytest.mark.parametrize("free", [1, 2])
def test_fifty_bookings_on_one_slot(catalogue: Catalogue, free: int) -> None:
    for _ in range(free):
        a_notary()
    crowd = together(50, lambda _: book())
    check_storm(crowd, winners=free)
    assert Booking.objects.count() == free
    check_bookings()


def test_customers_who_rank_the_notaries_differently(catalogue: Catalogue) -> None:
    """Holding one calendar while asking for the other would deadlock here."""
    a_notary(home_zip="77591")
    a_notary(home_zip="77002")
    zips = ("77591", "77002", "77573", "77058")
    crowd = together(40, lambda number: hold(zip_code=zips[number % 4]))
    check_storm(crowd, winners=2)


def test_overlapping_but_not_equal_periods(catalogue: Catalogue) -> None:
    a_notary()
    zips = ("77591", "77573", "77058", "77581", "77002")

    def ask(number: int) -> dict[str, Any]:
        start = TUESDAY_10 + timedelta(minutes=30 * (number % 7))
        return {"starts_at": start, "zip_code": zips[number % 5]}

    crowd = together(35, lambda number: hold(**ask(number)))
    assert crowd.codes() == {"SLOT_TAKEN"}
    assert 1 <= len(crowd.results) <= 3
    check_calendars()
    # Nobody was refused a time that is still free.
    for number in range(35):
        with pytest.raises(SlotTaken):
            hold(**ask(number))


def test_a_dead_hold_is_taken_over_by_exactly_one(catalogue: Catalogue) -> None:
    a_notary()
    dead = hold().claim
    SlotClaim.objects.filter(pk=dead.pk).update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    crowd = together(20, lambda number: expire_holds() if number % 5 == 0 else hold())
    assert crowd.codes() <= {"SLOT_TAKEN"}
    assert live_claims() == 1
    dead.refresh_from_db()
    assert dead.state == "EXPIRED"
    check_calendars()


def test_one_hold_becomes_one_booking(catalogue: Catalogue) -> None:
    a_notary()
    token = token_of(hold().claim)
    crowd = together(10, lambda _: book(token=token))
    assert len(crowd.results) == 1
    assert crowd.codes() == {"HOLD_NOT_FOUND"}
    assert Booking.objects.count() == 1
    check_bookings()


def test_a_hold_is_released_or_booked_never_both(catalogue: Catalogue) -> None:
    a_notary()
    claim = hold().claim
    token = token_of(claim)

    def attempt(number: int) -> Booking | None:
        if number % 2:
            release_hold(claim_id=claim.pk, token=token)
            return None
        return book(token=token)

    crowd = together(8, attempt)
    assert crowd.codes() <= {"HOLD_NOT_FOUND", "HOLD_EXPIRED"}
    claim.refresh_from_db()
    assert (claim.state, Booking.objects.count()) in {("PAYING", 1), ("RELEASED", 0)}
    check_bookings()


def test_a_hold_moved_by_many_ends_where_one_of_them_put_it(catalogue: Catalogue) -> None:
    a_notary()
    a_notary(home_zip="77002")
    claim = hold().claim
    starts = [TUESDAY_10 + number * HOUR for number in range(6)]

    def attempt(number: int) -> object:
        request = HoldRequest(wanted=wanted(starts_at=starts[number]), token=token_of(claim))
        return hold_slot(request=request, holder=HOLDER, now=NOW)

    crowd = together(6, attempt)
    assert crowd.errors == []
    claim.refresh_from_db()
    assert claim.starts_at in starts
    assert live_claims() == 1
    check_calendars()


def test_many_cancels_are_one(catalogue: Catalogue) -> None:
    a_notary()
    booking = book(actor=STAFF)
    version = booking.version

    def attempt(_: int) -> tuple[str, int]:
        done = cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
        return done.status, done.version

    crowd = together(20, attempt)
    assert set(crowd.results) == {("CANCELLED", version + 1)}
    assert crowd.errors == []
    assert booking.timeline.filter(action="cancelled").count() == 1
    assert live_claims() == 0


def test_many_moves_each_count_once_and_leave_one_claim(catalogue: Catalogue) -> None:
    a_notary()
    a_notary(home_zip="77058")
    booking = book(actor=STAFF)
    version = booking.version

    def attempt(number: int) -> Booking:
        start = TUESDAY_10 + DAY * (number % 3) + HOUR * (number % 5)
        return update_booking(
            booking_id=booking.pk,
            changes=BookingChanges(starts_at=start),
            actor=CUSTOMER,
            now=NOW,
        )

    crowd = together(10, attempt)
    # Who was overtaken three times is asked to come back.
    assert crowd.codes() <= {"SERVICE_UNAVAILABLE"}
    booking.refresh_from_db()
    assert live_claims() == 1
    assert booking.timeline.filter(action="rescheduled").count() == booking.version - version
    check_calendars()
    check_bookings()


def test_move_and_cancel_at_once_leave_no_claim_behind(catalogue: Catalogue) -> None:
    a_notary()
    booking = book(actor=STAFF)

    def attempt(number: int) -> Booking:
        if number % 2:
            return cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
        changes = BookingChanges(starts_at=TUESDAY_10 + HOUR * (number // 2 + 1))
        return update_booking(booking_id=booking.pk, changes=changes, actor=CUSTOMER, now=NOW)

    crowd = together(8, attempt)
    assert crowd.codes() <= {"INVALID_STATUS_TRANSITION", "SERVICE_UNAVAILABLE"}
    booking.refresh_from_db()
    assert booking.status == "CANCELLED"
    assert live_claims() == 0


def test_two_jobs_change_hands_crosswise(catalogue: Catalogue) -> None:
    """Each needs both calendars; sorted locks keep them from waiting for each other."""
    one, two = a_notary(), a_notary()
    morning = book(actor=STAFF)
    evening = book(actor=STAFF, starts_at=TUESDAY_10 + 4 * HOUR)
    assign_notary(booking_id=morning.pk, notary_id=one.pk, actor=STAFF, now=NOW)
    assign_notary(booking_id=evening.pk, notary_id=two.pk, actor=STAFF, now=NOW)

    def attempt(number: int) -> Booking:
        booking = morning if number % 2 else evening
        notary = one if number % 3 else two
        return assign_notary(booking_id=booking.pk, notary_id=notary.pk, actor=STAFF, now=NOW)

    crowd = together(12, attempt)
    assert crowd.codes() <= {"SERVICE_UNAVAILABLE"}
    assert live_claims() == 2
    check_calendars()
    check_bookings()


def test_late_money_and_a_new_customer_want_the_same_time(catalogue: Catalogue) -> None:
    a_notary()
    booking = book()
    Booking.objects.filter(pk=booking.pk).update(
        status="EXPIRED", expires_at=None, amount_paid_cents=booking.due_now_cents
    )
    SlotClaim.objects.filter(booking=booking).update(state="RELEASED")

    def attempt(number: int) -> object:
        if number % 2:
            return reclaim_slot(booking_id=booking.pk, actor=STAFF, now=NOW)
        return hold()

    crowd = together(10, attempt)
    assert crowd.codes() <= {"SLOT_TAKEN"}
    booking.refresh_from_db()
    holds = [one for one in crowd.results if not isinstance(one, bool)]
    assert len(holds) + (booking.status == "CONFIRMED") == 1
    assert live_claims() == 1


def test_a_promo_code_is_never_used_more_often_than_it_may(catalogue: Catalogue) -> None:
    a_notary()
    PromoCode.objects.create(code="THREE", kind="FIXED", amount_cents=500, max_uses=3)

    def attempt(number: int) -> Booking:
        return book(
            promo_code="THREE",
            starts_at=TUESDAY_10 + DAY * (number % 3) + 2 * HOUR * (number // 3),
            who=customer(email=f"customer{number}@example.com"),
        )

    crowd = together(9, attempt)
    assert len(crowd.results) == 3
    assert crowd.codes() == {"PROMO_INVALID"}
    assert PromoCode.objects.get(code="THREE").times_used == 3
    assert PromoRedemption.objects.count() == Booking.objects.count() == live_claims() == 3


def test_a_customer_uses_a_promo_code_no_more_often_than_allowed(catalogue: Catalogue) -> None:
    a_notary()

    def attempt(number: int) -> Booking:
        email = "ada@example.com" if number % 2 else "ADA@Example.com"
        return book(
            promo_code="WELCOME10",
            starts_at=TUESDAY_10 + DAY * (number % 3) + 2 * HOUR * (number // 3),
            who=customer(email=email),
        )

    crowd = together(8, attempt)
    assert len(crowd.results) == 1
    assert [error.details["reason"] for error in crowd.errors] == ["USED_BY_CUSTOMER"] * 7  # type: ignore[attr-defined]  # all are refusals of ours
    assert PromoCode.objects.get(code="WELCOME10").times_used == 1


def test_a_holder_never_has_more_live_holds_than_the_cap(catalogue: Catalogue) -> None:
    a_notary()
    a_notary(home_zip="77058")
    capped = Holder(key="address:198.51.100.1", cap=5)

    def attempt(number: int) -> object:
        start = TUESDAY_10 + DAY * (number % 4) + 2 * HOUR * (number // 8)
        return hold(starts_at=start, holder=capped)

    crowd = together(16, attempt)
    assert len(crowd.results) == 5
    assert crowd.codes() <= {"TOO_MANY_HOLDS", "SLOT_TAKEN"}
    assert "TOO_MANY_HOLDS" in crowd.codes()
    assert live_claims() == 5


class TestKeyedTwins:
    """Twenty times the same request with the same key."""

    BODY = {
        "serviceId": "standard-notary",
        "scheduledDateTime": "2027-03-02T10:00:00-06:00",
        "customerName": "Ada Customer",
        "customerEmail": "ada@example.com",
        "customerPhone": "+17135550123",
        "address": {"street": "1 Main St", "city": "League City", "state": "TX", "zip": "77573"},
        "termsAccepted": True,
    }
    HOLD = {
        "serviceId": "standard-notary",
        "startTime": "2027-03-02T10:00:00-06:00",
        "zip": "77573",
    }

    @pytest.fixture(autouse=True)
    def _clock(self) -> Iterator[None]:
        with time_machine.travel(NOW, tick=False):
            yield

    def check(self, crowd: Crowd[Any]) -> list[Any]:
        assert crowd.errors == []
        answers = crowd.results
        assert {answer.status_code for answer in answers} == {201}
        first, *others = [answer.json() for answer in answers]
        assert all(other == first for other in others)
        replayed = [answer for answer in answers if "Idempotent-Replayed" in answer.headers]
        assert len(replayed) == len(answers) - 1
        assert live_claims() == 1
        return answers

    def post(self, path: str, body: dict[str, Any], key: str) -> Any:
        return Client().post(
            f"/api/v2/{path}",
            body,
            content_type="application/json",
            headers={"Idempotency-Key": key},
        )

    def test_hold_once(self, catalogue: Catalogue) -> None:
        a_notary()
        a_notary()
        crowd = together(
            20, lambda _: self.post("availability/hold", self.HOLD, "hold-me-once-only")
        )
        answer = self.check(crowd)[0].json()
        assert answer["holdToken"] == token_of(SlotClaim.objects.get()).text

    def test_book_once(self, catalogue: Catalogue) -> None:
        a_notary()
        a_notary()
        crowd = together(20, lambda _: self.post("bookings", self.BODY, "book-me-once-only"))
        answers = self.check(crowd)
        booking = Booking.objects.get()
        assert booking.timeline.count() == 1
        assert {answer.headers["Location"] for answer in answers} == {
            f"/api/v2/bookings/{booking.pk}"
        }

    def test_other_keys_are_other_requests(self, catalogue: Catalogue) -> None:
        a_notary()
        a_notary()
        crowd = together(
            20,
            lambda number: self.post("availability/hold", self.HOLD, f"a-key-of-my-own-{number}"),
        )
        statuses = [answer.status_code for answer in crowd.results]
        assert sorted(statuses) == [201, 201] + [409] * 18
        assert fingerprint(self.HOLD)


def test_the_address_cap_holds_over_http(catalogue: Catalogue, settings: Settings) -> None:
    settings.HOLDS_PER_ADDRESS = "3"
    a_notary()
    with time_machine.travel(NOW, tick=False):

        def attempt(number: int) -> int:
            start = (TUESDAY_10 + DAY * (number % 3) + 2 * HOUR * (number // 3)).isoformat()
            body = {"serviceId": "standard-notary", "startTime": start, "zip": "77573"}
            answer = Client().post(
                "/api/v2/availability/hold", body, content_type="application/json"
            )
            if answer.status_code == 409:
                assert answer.json()["error"]["code"] == "TOO_MANY_HOLDS"
            return answer.status_code

        crowd = together(9, attempt)
    assert sorted(crowd.results) == [201] * 3 + [409] * 6
    assert live_claims() == 3


def test_waivers_and_cancels_meet(catalogue: Catalogue) -> None:
    a_notary()
    booking = book()

    def attempt(number: int) -> Booking:
        if number % 2:
            return cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)
        return waive_deposit(booking_id=booking.pk, reason="cash", actor=STAFF, now=NOW)

    crowd = together(8, attempt)
    assert crowd.codes() <= {"INVALID_STATUS_TRANSITION"}
    booking.refresh_from_db()
    assert booking.status == "CANCELLED"
    assert booking.timeline.filter(action="cancelled").count() == 1
    assert live_claims() == 0


class TestWithoutLockAndConstraint:
    """The same storm on a scratch table that has neither, so that we know it would show."""

    @pytest.fixture(autouse=True)
    def _scratch(self, db: None) -> Iterator[None]:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE scratch_claim (notary_id bigint, period tstzrange)")
        yield
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE scratch_claim")

    def test_one_slot_is_sold_more_than_once(self) -> None:
        def attempt(_: int) -> bool:
            with transaction.atomic(), connection.cursor() as cursor:
                period = [TUESDAY_10, TUESDAY_10 + HOUR]
                cursor.execute(
                    "SELECT count(*) FROM scratch_claim"
                    " WHERE notary_id = 1 AND period && tstzrange(%s, %s)",
                    period,
                )
                if cursor.fetchone()[0]:
                    return False
                cursor.execute("INSERT INTO scratch_claim VALUES (1, tstzrange(%s, %s))", period)
                return True

        sold = 0
        for _ in range(20):
            sold = max(sold, sum(together(50, attempt).results))
            if sold > 1:
                break
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE scratch_claim")
        assert sold > 1

    def test_a_limit_is_overrun(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE scratch_claim ADD COLUMN uses int")
            cursor.execute("INSERT INTO scratch_claim (notary_id, uses) VALUES (1, 0)")

        def attempt(_: int) -> bool:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT uses FROM scratch_claim")
                uses = cursor.fetchone()[0]
                if uses >= 3:
                    return False
                cursor.execute("UPDATE scratch_claim SET uses = %s", [uses + 1])
                return True

        used = 0
        for _ in range(20):
            used = max(used, sum(together(30, attempt).results))
            if used > 3:
                break
            with connection.cursor() as cursor:
                cursor.execute("UPDATE scratch_claim SET uses = 0")
        assert used > 3


def test_a_booking_asked_for_twice_without_a_key_is_two(catalogue: Catalogue) -> None:
    """What the keys are for: without one, a repeat is another booking."""
    a_notary()
    a_notary()

    def attempt(_: int) -> Booking:
        request = BookingRequest(wanted=wanted(), customer=customer())
        return create_booking(request=request, holder=HOLDER, actor=CUSTOMER, now=NOW)

    assert len(together(2, attempt).results) == 2

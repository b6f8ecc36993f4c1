"""Whatever happens in whatever order, every notary can drive from each job to the next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookings import locks
from bookings.actions.assign_notary import assign_notary
from bookings.actions.begin_payment import begin_payment
from bookings.actions.cancel_booking import cancel_booking
from bookings.actions.expire_holds import expire_holds
from bookings.actions.hold_slot import HoldRequest, hold_slot
from bookings.actions.release_hold import release_hold
from bookings.actions.update_booking import BookingChanges, update_booking
from bookings.actions.waive_deposit import waive_deposit
from bookings.holders import token_of
from bookings.models import Booking, SlotClaim
from bookings.slots import free_slots
from bookings.tests import oracle
from bookings.tests.chain import check_bookings, check_calendars, snapshot
from bookings.tests.factories import (
    CUSTOMER,
    HOLDER,
    MOBILE_SKILLS,
    NOW,
    STAFF,
    a_notary,
    book,
    hold,
    wanted,
)
from bookings.tests.oracle import HOUSTON, ZIPS
from bookings.tests.worlds import AT_LENGTH, undone
from hmnp.core.errors import DomainError
from services.definitions import ServiceDefinition
from services.tests.fixtures import Catalogue

SLUGS = ("standard-notary", "extended-hours", "ron")
DAYS = (date(2027, 3, 2), date(2027, 3, 3), date(2027, 3, 14))


def choose(drawn: int, among: list[Any]) -> Any:
    return among[drawn % len(among)] if among else None


class Day:
    """A shop with three notaries, and everything that people may do to their calendars."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        always = (0, 1440)
        self.notaries = [
            a_notary(home_zip="77591", daily_capacity=4),
            a_notary(home_zip="77058", skills=[*MOBILE_SKILLS, "ron"], hours=always),
            a_notary(home_zip="77002", skills=["ron", "extended-hours"], hours=always),
        ]

    def do(self, verb: str, a: int, b: int, ask: dict[str, Any]) -> str:
        """Carry out one step; a refusal must leave every row as it was."""
        before = snapshot()
        try:
            getattr(self, verb)(a, b, ask)
        except DomainError as refused:
            assert snapshot() == before
            return refused.code
        return verb

    def claims(self, **which: Any) -> list[SlotClaim]:
        return list(SlotClaim.objects.filter(**which).order_by("held_at"))

    def bookings(self, *statuses: str) -> list[Booking]:
        return list(Booking.objects.filter(status__in=statuses).order_by("starts_at", "notary_id"))

    def hold(self, a: int, b: int, ask: dict[str, Any]) -> None:
        hold(**ask)

    def move_hold(self, a: int, b: int, ask: dict[str, Any]) -> None:
        if claim := choose(a, self.claims(state="HELD")):
            request = HoldRequest(wanted=wanted(**ask), token=token_of(claim))
            hold_slot(request=request, holder=HOLDER, now=NOW)

    def release(self, a: int, b: int, ask: dict[str, Any]) -> None:
        if claim := choose(a, self.claims(state="HELD")):
            release_hold(claim_id=claim.pk, token=token_of(claim))

    def let_die(self, a: int, b: int, ask: dict[str, Any]) -> None:
        """Let a hold's time run out; the row stays until somebody needs its time."""
        if claim := choose(a, self.claims(state="HELD")):
            SlotClaim.objects.filter(pk=claim.pk).update(
                expires_at=datetime(2020, 1, 1, tzinfo=UTC)
            )

    def sweep(self, a: int, b: int, ask: dict[str, Any]) -> None:
        expire_holds()

    def book(self, a: int, b: int, ask: dict[str, Any]) -> None:
        book(**ask, actor=STAFF if b % 2 else CUSTOMER)

    def pay(self, a: int, b: int, ask: dict[str, Any]) -> None:
        if claim := choose(a, self.claims(state="HELD")):
            begin_payment(claim=locks.lock_claim(claim_id=claim.pk), now=NOW)

    def book_from_hold(self, a: int, b: int, ask: dict[str, Any]) -> None:
        """Book what is held, now and then at another place."""
        claim = choose(a, self.claims(state__in=["HELD", "PAYING"], booking=None))
        if claim is None:
            return
        own = {
            "slug": next(s.slug for s in vars(self.catalogue).values() if s.id == claim.service_id),
            "starts_at": claim.starts_at,
            "zip_code": claim.customer_zip or None,
        }
        if claim.customer_zip and b % 3 == 0:
            own["zip_code"] = ask["zip_code"] or "77581"
        book(**own, token=token_of(claim))

    def confirm(self, a: int, b: int, ask: dict[str, Any]) -> None:
        if booking := choose(a, self.bookings("PENDING_PAYMENT")):
            waive_deposit(booking_id=booking.pk, reason="cash", actor=STAFF, now=NOW)

    def move(self, a: int, b: int, ask: dict[str, Any]) -> None:
        booking = choose(a, self.bookings("PENDING_PAYMENT", "CONFIRMED"))
        if booking is None:
            return
        changes = BookingChanges(starts_at=ask["starts_at"] if b % 3 else None)
        if booking.zip_code and b % 2:
            changes.details["zip_code"] = ask["zip_code"] or "77581"
        update_booking(booking_id=booking.pk, changes=changes, actor=CUSTOMER, now=NOW)

    def assign(self, a: int, b: int, ask: dict[str, Any]) -> None:
        if booking := choose(a, self.bookings("PENDING_PAYMENT", "CONFIRMED")):
            notary = choose(b, self.notaries)
            assign_notary(booking_id=booking.pk, notary_id=notary.pk, actor=STAFF, now=NOW)

    def cancel(self, a: int, b: int, ask: dict[str, Any]) -> None:
        if booking := choose(a, self.bookings("PENDING_PAYMENT", "CONFIRMED")):
            cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=NOW)

    def check(self) -> None:
        check_calendars()
        check_bookings()

    def check_offer(self, day: date, place: str, pick: int) -> None:
        """What is offered can be held, and what is not is refused."""
        service: ServiceDefinition = choose(
            pick, [self.catalogue.standard, self.catalogue.extended, self.catalogue.ron]
        )
        zip_code = place if service.is_mobile else None
        offered = {
            slot.starts_at
            for slot in free_slots(
                service=service, zip_code=zip_code, first_day=day, days=1, now=NOW
            )
        }
        minutes = oracle.minutes_of_day(day)
        for half_hour in (pick, pick // 7, pick // 11):
            start = oracle.to_instant(minutes[half_hour * 30 % len(minutes)])
            try:
                with undone():
                    hold(slug=service.slug, starts_at=start, zip_code=zip_code)
                    self.check()
                    is_held = True
            except DomainError:
                is_held = False
            assert is_held is (start in offered), (service.slug, start, zip_code)


@st.composite
def asks(draw: st.DrawFn) -> dict[str, Any]:
    slug = draw(st.sampled_from(SLUGS))
    day = draw(st.sampled_from(DAYS))
    # Close together, so that jobs are neighbours more often than not.
    half_hours = draw(st.integers(0, 47) if slug == "ron" else st.integers(18, 26))
    start = datetime(day.year, day.month, day.day, tzinfo=HOUSTON).astimezone(UTC)
    return {
        "slug": slug,
        "starts_at": start + timedelta(minutes=30 * half_hours),
        "zip_code": None if slug == "ron" else draw(st.sampled_from(ZIPS)),
    }


VERBS = (
    *("hold", "book") * 3,
    *("book_from_hold", "move", "move_hold", "assign", "cancel") * 2,
    *("release", "let_die", "sweep", "confirm", "pay"),
)
NUMBER = st.integers(0, 10_000)
STEPS = st.lists(st.tuples(st.sampled_from(VERBS), NUMBER, NUMBER, asks()), min_size=4, max_size=12)


def live(catalogue: Catalogue, steps: list[Any], offer: tuple[date, str, int]) -> list[str]:
    with undone():
        day = Day(catalogue)
        outcomes = []
        for verb, a, b, ask in steps:
            outcomes.append(day.do(verb, a, b, ask))
            day.check()
        day.check_offer(*offer)
    return outcomes


OFFERS = st.tuples(st.sampled_from(DAYS), st.sampled_from(ZIPS), NUMBER)
bounded: Callable[..., Any] = partial(
    settings, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.slow
@pytest.mark.no_cover
@bounded(max_examples=15 * AT_LENGTH)
@given(steps=STEPS, offer=OFFERS)
def test_every_consecutive_pair_can_be_driven(
    catalogue: Catalogue, steps: list[Any], offer: tuple[date, str, int]
) -> None:
    live(catalogue, steps, offer)


def test_the_steps_do_happen(catalogue: Catalogue) -> None:
    """The properties above would hold of a day on which nothing is ever allowed."""
    at = datetime(2027, 3, 2, 16, 0, tzinfo=UTC)

    def ask(hours: float, place: str | None = "77573", slug: str = "extended-hours") -> Any:
        return {"slug": slug, "starts_at": at + timedelta(hours=hours), "zip_code": place}

    steps = [
        ("hold", 0, 0, ask(0)),
        ("hold", 0, 0, ask(3)),
        ("move_hold", 1, 0, ask(2, "77058")),
        ("book_from_hold", 0, 3, ask(0, "77581")),
        ("book", 0, 1, ask(5)),
        ("move", 0, 1, ask(-2, "77581")),
        ("assign", 0, 1, ask(0)),
        ("confirm", 0, 0, ask(0)),
        ("let_die", 0, 0, ask(0)),
        ("sweep", 0, 0, ask(0)),
        ("hold", 0, 0, ask(8, None, "ron")),
        ("release", 0, 0, ask(0)),
        ("cancel", 0, 0, ask(0)),
    ]
    outcomes = live(catalogue, steps, (DAYS[0], "77573", 20))
    assert outcomes == [verb for verb, *_ in steps]

"""What staff may set aside for one booking: with a reason, told, never a double booking."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bookings.actions.create_booking import create_booking
from bookings.availability import Misfit
from bookings.candidates import NO_SKILL, candidates
from bookings.errors import SlotTaken, SlotUnavailable
from bookings.holders import token_of
from bookings.models import Booking, SlotClaim
from bookings.requests import BookingRequest
from bookings.staff_terms import StaffTerms
from bookings.tests.chain import check_bookings, check_calendars
from bookings.tests.factories import (
    CUSTOMER,
    HOLDER,
    NOW,
    STAFF,
    TUESDAY_10,
    a_notary,
    customer,
    hold,
    wanted,
)
from hmnp.core.context import Actor
from hmnp.core.errors import Forbidden, ValidationFailed
from services.agreed import Agreed
from services.errors import OutOfServiceArea
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db(transaction=True)

# Tuesday 19:00 CST: the Standard service ends at five.
EVENING = TUESDAY_10 + timedelta(hours=9)
LATE = StaffTerms(waived=frozenset({Misfit.OUTSIDE_HOURS}), reason="a hospital, asked by phone")


@pytest.fixture(autouse=True)
def _notary(catalogue: Catalogue) -> None:
    a_notary()


def by_phone(
    terms: StaffTerms,
    *,
    actor: Actor = STAFF,
    starts_at: datetime = TUESDAY_10,
    zip_code: str = "77573",
) -> Booking:
    """Book as the desk does."""
    request = BookingRequest(
        wanted=wanted(starts_at=starts_at, zip_code=zip_code), customer=customer(), terms=terms
    )
    return create_booking(request=request, holder=HOLDER, actor=actor, now=NOW)


def test_outside_hours_staff_book_with_a_reason_and_the_surcharge_applies() -> None:
    with pytest.raises(SlotUnavailable):
        by_phone(StaffTerms(), starts_at=EVENING)
    booking = by_phone(LATE, starts_at=EVENING)
    assert (booking.status, booking.price_cents) == ("CONFIRMED", 8500 + 3000)
    told = booking.timeline.get(action="created").metadata
    assert told["overrideReason"] == "a hospital, asked by phone"
    assert told["waivedRules"] == ["outside_hours"]
    check_bookings()


def test_it_is_never_a_double_booking() -> None:
    by_phone(LATE, starts_at=EVENING)
    with pytest.raises(SlotTaken):
        by_phone(LATE, starts_at=EVENING + timedelta(minutes=30))
    assert Booking.objects.count() == 1
    check_calendars()


def test_notary_hours_are_set_aside_with_the_services_but_not_days_off() -> None:
    night = TUESDAY_10 + timedelta(hours=12)
    booking = by_phone(LATE, starts_at=night)
    claim = SlotClaim.objects.get(booking=booking)
    claim.notary.days_off.create(first_day="2027-03-03", last_day="2027-03-03")
    with pytest.raises(SlotUnavailable):
        by_phone(LATE, starts_at=night + timedelta(days=1))


@pytest.mark.parametrize(
    "terms",
    [LATE, StaffTerms(agreed=Agreed(total_cents=100), reason="x"), StaffTerms(notary_id=1)],
)
def test_everybody_but_staff_is_refused(terms: StaffTerms) -> None:
    with pytest.raises(Forbidden):
        by_phone(terms, actor=CUSTOMER)
    assert not Booking.objects.exists()
    assert not SlotClaim.objects.exists()


@pytest.mark.parametrize(
    "terms",
    [
        StaffTerms(waived=frozenset({Misfit.INSIDE_NOTICE}), reason=" "),
        StaffTerms(agreed=Agreed(total_cents=8000)),
        StaffTerms(waived=frozenset({Misfit.OFF_GRID}), reason="x"),
    ],
)
def test_an_override_without_a_reason_or_of_what_cannot_be_waived_is_refused(
    terms: StaffTerms,
) -> None:
    with pytest.raises(ValidationFailed):
        by_phone(terms)
    assert not Booking.objects.exists()


def test_what_was_held_by_the_rules_takes_no_terms_of_ours() -> None:
    asked = BookingRequest(
        wanted=wanted(), customer=customer(), token=token_of(hold().claim), terms=LATE
    )
    with pytest.raises(ValidationFailed):
        create_booking(request=asked, holder=HOLDER, actor=STAFF, now=NOW)
    assert not Booking.objects.exists()


def test_a_price_of_our_own_is_told_with_the_lists() -> None:
    booking = by_phone(StaffTerms(agreed=Agreed(total_cents=6000), reason="a regular customer"))
    assert (booking.price_cents, booking.balance_due_cents) == (6000, 6000)
    assert booking.timeline.get(action="created").metadata["listPriceCents"] == 8500
    check_bookings()


def test_beyond_the_area_the_travel_fee_is_agreed() -> None:
    with pytest.raises(OutOfServiceArea):
        by_phone(StaffTerms(), zip_code="77450")
    far = StaffTerms(agreed=Agreed(travel_fee_cents=9500), reason="a loan of ten signings")
    assert by_phone(far, zip_code="77450").price_cents == 8500 + 9500


def test_why_nothing_is_collected_now_is_told_once() -> None:
    booking = by_phone(StaffTerms(unpaid_reason="a church"))
    assert booking.deposit_waived_reason == "a church"
    actions = list(booking.timeline.values_list("action", flat=True))
    assert actions == ["created", "deposit_waived", "confirmed"]
    assert booking.version == 3
    check_bookings()


def test_the_notary_asked_for_gets_the_job_or_nobody() -> None:
    second = a_notary(home_zip="77058")
    assert by_phone(StaffTerms(notary_id=second.pk)).notary_id == second.pk
    with pytest.raises(SlotTaken):
        by_phone(StaffTerms(notary_id=second.pk))
    assert by_phone(StaffTerms()).notary_id != second.pk


def test_candidates_say_who_can_and_why_the_others_cannot() -> None:
    first = Booking.objects.get(pk=by_phone(StaffTerms()).pk)
    free = a_notary(name="Free")
    a_notary(name="Online", skills=["ron"])
    a_notary(name="Early", hours=(0, 480))
    found = candidates(service=wanted().service, starts_at=TUESDAY_10, zip_code="77573")
    assert [(one.name, one.reason) for one in found if one.name != "Free"] == [
        ("Early", "OUTSIDE_HOURS"),
        (first.notary.name, "HELD"),  # type: ignore[union-attr]  # it has one
        ("Online", NO_SKILL),
    ]
    assert (found[0].notary_id, found[0].reason) == (free.pk, "")
    assert found[0].drive_minutes > 0

"""Holding a time: new, moved, resumed, let go, run out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings

from bookings import locks
from bookings.actions.begin_payment import begin_payment
from bookings.actions.expire_holds import expire_holds
from bookings.actions.hold_slot import Held, HoldRequest, hold_slot
from bookings.actions.release_hold import release_hold
from bookings.errors import (
    HoldExpired,
    HoldNotFound,
    PriceChanged,
    SlotTaken,
    SlotUnavailable,
    TooManyHolds,
)
from bookings.holders import STAFF_HOLDS, Holder, holder_of, token_of, verify_hold_token
from bookings.models import SlotClaim
from bookings.tests.chain import check_calendars, snapshot
from bookings.tests.factories import (
    HALF_HOUR,
    HOLDER,
    NOW,
    TUESDAY_10,
    a_notary,
    book,
    hold,
    wanted,
)
from hmnp.accounts.models import Partner
from hmnp.accounts.principals import Kind, Principal
from hmnp.core import tokens
from services import quotes
from services.tests.fixtures import Catalogue

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _notary(catalogue: Catalogue) -> None:
    a_notary()


def again(claim: SlotClaim, *, now: datetime = NOW, **kwargs: Any) -> Held:
    """Hold with the token of a hold one has."""
    request = HoldRequest(wanted=wanted(**kwargs), token=token_of(claim))
    return hold_slot(request=request, holder=HOLDER, now=now)


def let_die(claim: SlotClaim) -> None:
    SlotClaim.objects.filter(pk=claim.pk).update(expires_at=LONG_AGO)


class TestNew:
    """A first hold."""

    def test_it_lasts_five_minutes_on_the_databases_clock(self) -> None:
        held = hold()
        claim = SlotClaim.objects.get()
        assert held.is_new
        assert (claim.state, claim.booking_id, claim.intent_at) == ("HELD", None, None)
        assert claim.expires_at == claim.held_at + timedelta(minutes=5)
        assert claim.max_expires_at == claim.held_at + timedelta(minutes=20)
        assert abs(datetime.now(tz=UTC) - claim.held_at) < timedelta(minutes=1)
        check_calendars()

    def test_it_keeps_what_it_was_priced_for(self) -> None:
        held = hold(zip_code="77581", signers=3, documents=5, promo_code="WELCOME10")
        claim = SlotClaim.objects.get()
        assert (claim.customer_zip, claim.place_zip) == ("77581", "77581")
        assert (claim.signers, claim.documents, claim.promo_code) == (3, 5, "WELCOME10")
        assert claim.pricing["final_price_cents"] == held.pricing.final_price_cents

    def test_its_token_is_stored_hashed(self) -> None:
        claim = hold().claim
        token = token_of(claim)
        assert claim.token_hash == token.hash
        assert verify_hold_token(text=token.text, claim_id=claim.pk) == token
        other = tokens.derive(purpose=tokens.HOLD, subject_id=token.subject_id, generation=9)
        for text, claim_id in [("", claim.pk), ("nonsense", None), (other.text[:-1], None)]:
            with pytest.raises(HoldNotFound):
                verify_hold_token(text=text, claim_id=claim_id)
        with pytest.raises(HoldNotFound):
            verify_hold_token(text=token.text, claim_id=UUID(int=1))

    def test_a_taken_time_is_refused_with_the_next_three(self) -> None:
        hold()
        before = snapshot()
        with pytest.raises(SlotTaken) as refused:
            hold()
        assert len(refused.value.details["alternatives"]) == 3
        assert snapshot() == before

    @pytest.mark.parametrize(
        ("start", "reason"),
        [
            (TUESDAY_10 + timedelta(minutes=1), "off_grid"),
            (NOW + timedelta(minutes=90), "inside_notice"),
            (TUESDAY_10 + timedelta(days=91), "beyond_horizon"),
            (TUESDAY_10 - timedelta(hours=2), "outside_hours"),
        ],
    )
    def test_a_time_never_on_offer_is_refused_with_why(self, start: datetime, reason: str) -> None:
        with pytest.raises(SlotUnavailable) as refused:
            hold(starts_at=start)
        assert refused.value.details["reason"] == reason
        assert "alternatives" in refused.value.details
        assert not SlotClaim.objects.exists()

    def test_without_anyone_for_it_it_is_unavailable(self) -> None:
        with pytest.raises(SlotUnavailable) as refused:
            hold(slug="ron", zip_code=None)
        assert refused.value.details == {"alternatives": [], "reason": "no_notary"}

    def test_a_dead_hold_frees_its_time_for_another(self) -> None:
        dead = hold().claim
        let_die(dead)
        fresh = hold()
        dead.refresh_from_db()
        assert (dead.state, fresh.is_new) == ("EXPIRED", True)
        check_calendars()

    def test_a_dead_hold_that_was_the_previous_job_is_taken_out_of_the_chain(self) -> None:
        dead = hold(zip_code="77002").claim
        after = hold(starts_at=TUESDAY_10 + 7 * HALF_HOUR, zip_code="77573").claim
        let_die(dead)
        # Far enough away to overlap neither.
        hold(starts_at=TUESDAY_10 + 11 * HALF_HOUR, zip_code="77573")
        dead.refresh_from_db()
        assert dead.state == "EXPIRED"
        previous = after.period[0]
        after.refresh_from_db()
        assert after.period.lower > previous
        check_calendars()

    def test_a_payment_under_way_does_not_lapse(self) -> None:
        claim = hold().claim
        begin_payment(claim=locks.lock_claim(claim_id=claim.pk), now=NOW)
        let_die(claim)
        with pytest.raises(SlotTaken):
            hold()
        claim.refresh_from_db()
        assert claim.state == "PAYING"

    def test_a_promised_price_is_honoured(self) -> None:
        asked = wanted()
        pricing = quotes.quote(now=NOW, **asked.facts())
        token = quotes.sign_quote(pricing=pricing, now=NOW, **asked.facts()).token
        request = HoldRequest(wanted=asked, quote_token=token)
        held = hold_slot(request=request, holder=HOLDER, now=NOW + timedelta(minutes=29))
        assert held.pricing == pricing


class TestCap:
    """How many one may have."""

    def test_a_holder_has_at_most_so_many_live_holds(self) -> None:
        capped = Holder(key="address:198.51.100.1", cap=2)
        first = hold(holder=capped).claim
        hold(holder=capped, starts_at=TUESDAY_10 + 4 * HALF_HOUR)
        last = TUESDAY_10 + 8 * HALF_HOUR
        before = snapshot()
        with pytest.raises(TooManyHolds):
            hold(holder=capped, starts_at=last)
        assert snapshot() == before
        hold(holder=Holder(key="address:198.51.100.2", cap=2), starts_at=last)
        let_die(first)
        hold(holder=capped, starts_at=last + timedelta(days=1))

    def test_who_is_counted_under_what(self, settings: Settings, db: None) -> None:
        anyone = Principal(kind=Kind.ANONYMOUS, ip="2001:db8:1:2::9")
        settings.HOLDS_PER_ADDRESS = "40"
        assert holder_of(anyone) == Holder(key="address:2001:db8:1:2::/64", cap=40)
        settings.HOLDS_PER_ADDRESS = "off"
        assert holder_of(anyone).cap is None
        partner = Partner.objects.create(name="Gulf Title", max_live_holds=7)
        asked = Principal(kind=Kind.PARTNER, ip="1.2.3.4", partner=partner)
        assert holder_of(asked) == Holder(key=f"partner:{partner.pk}", cap=7)
        assert STAFF_HOLDS == 20


class TestMoveAndResume:
    """The same hold, presented again with its token."""

    def test_the_same_again_is_the_same_hold(self) -> None:
        first = hold()
        before = snapshot()
        held = again(first.claim)
        assert (held.is_new, held.claim.pk, held.pricing) == (False, first.claim.pk, first.pricing)
        assert snapshot() == before

    def test_another_time_moves_it_and_frees_the_old_one(self) -> None:
        claim = hold().claim
        held = again(claim, starts_at=TUESDAY_10 + HALF_HOUR)
        assert (held.is_new, held.claim.pk) == (False, claim.pk)
        assert SlotClaim.objects.get().starts_at == TUESDAY_10 + HALF_HOUR
        check_calendars()
        assert hold(starts_at=TUESDAY_10 + 4 * HALF_HOUR)

    def test_another_place_or_service_is_priced_anew(self) -> None:
        claim = hold().claim
        assert again(claim, zip_code="77581").pricing.travel_fee_cents == 2500
        held = again(claim, slug="loan-signing", starts_at=TUESDAY_10 + timedelta(days=1))
        assert held.pricing.final_price_cents == 17500
        assert SlotClaim.objects.get().ends_at - SlotClaim.objects.get().starts_at == timedelta(
            minutes=90
        )
        check_calendars()

    def test_a_move_gives_five_minutes_more_but_never_beyond_twenty(self) -> None:
        claim = hold().claim
        limit = datetime.now(tz=UTC) + timedelta(minutes=2)
        SlotClaim.objects.filter(pk=claim.pk).update(expires_at=limit)
        moved = again(claim, starts_at=TUESDAY_10 + HALF_HOUR).claim
        assert moved.expires_at is not None
        assert moved.expires_at > limit
        SlotClaim.objects.filter(pk=claim.pk).update(max_expires_at=limit)
        again(claim, starts_at=TUESDAY_10)
        assert SlotClaim.objects.get().expires_at == limit

    def test_a_taken_time_is_refused_and_the_hold_stays_where_it_was(self) -> None:
        claim = hold().claim
        book(starts_at=TUESDAY_10 + 4 * HALF_HOUR)
        before = snapshot()
        with pytest.raises(SlotTaken):
            again(claim, starts_at=TUESDAY_10 + 4 * HALF_HOUR)
        assert snapshot() == before
        check_calendars()

    def test_another_place_at_the_time_held_is_judged_as_when_it_was_held(self) -> None:
        soon = datetime(2027, 3, 1, 18, 30, tzinfo=UTC)
        claim = hold(starts_at=soon, now=soon - timedelta(hours=4, minutes=1)).claim
        held = again(
            claim, starts_at=soon, zip_code="77058", now=soon - timedelta(hours=1, minutes=58)
        )
        assert not held.pricing.is_emergency
        with pytest.raises(SlotUnavailable):
            again(claim, starts_at=soon + HALF_HOUR, now=soon - timedelta(hours=1, minutes=29))

    def test_it_may_change_hands(self) -> None:
        claim = hold(zip_code="77591").claim
        near = a_notary(home_zip="77002")
        held = again(claim, zip_code="77002", starts_at=TUESDAY_10 + timedelta(days=1))
        assert held.claim.notary_id == near.pk
        check_calendars()

    @pytest.mark.parametrize(
        ("kwargs", "field"),
        [
            ({"slug": "extended-hours"}, "serviceId"),
            ({"starts_at": TUESDAY_10 + HALF_HOUR}, "scheduledDateTime"),
            ({"zip_code": "77058"}, "address.zip"),
            ({"signers": 2}, "signers"),
            ({"documents": 2}, "documents"),
            ({"promo_code": "SAVE15"}, "promoCode"),
        ],
    )
    def test_an_intent_freezes_it(self, kwargs: Any, field: str) -> None:
        claim = hold().claim
        begin_payment(claim=locks.lock_claim(claim_id=claim.pk), now=NOW)
        before = snapshot()
        with pytest.raises(PriceChanged) as refused:
            again(claim, **kwargs)
        assert refused.value.field == field
        assert snapshot() == before
        assert again(claim).claim.state == "PAYING"

    def test_a_dead_hold_cannot_be_moved(self) -> None:
        claim = hold().claim
        let_die(claim)
        for kwargs in ({}, {"starts_at": TUESDAY_10 + HALF_HOUR}):
            with pytest.raises(HoldExpired) as refused:
                again(claim, **kwargs)
            assert len(refused.value.details["alternatives"]) == 3

    def test_what_has_become_a_booking_is_no_hold(self) -> None:
        claim = hold().claim
        book(token=token_of(claim))
        with pytest.raises(HoldNotFound):
            again(claim)

    def test_a_revoked_token_moves_nothing(self) -> None:
        claim = hold().claim
        SlotClaim.objects.filter(pk=claim.pk).update(token_hash="0" * 64)
        with pytest.raises(HoldNotFound):
            again(claim, starts_at=TUESDAY_10 + HALF_HOUR)
        gone = tokens.derive(purpose=tokens.HOLD, subject_id=UUID(int=7))
        with pytest.raises(HoldNotFound):
            hold_slot(request=HoldRequest(wanted=wanted(), token=gone), holder=HOLDER, now=NOW)


class TestRelease:
    """Giving it back."""

    def test_the_time_is_free_at_once(self) -> None:
        claim = hold().claim
        for _ in range(2):
            release_hold(claim_id=claim.pk, token=token_of(claim))
        claim.refresh_from_db()
        assert claim.state == "RELEASED"
        assert hold().is_new

    def test_while_it_is_being_paid_for_it_closes_first(self) -> None:
        claim = hold().claim
        begin_payment(claim=locks.lock_claim(claim_id=claim.pk), now=NOW)
        release_hold(claim_id=claim.pk, token=token_of(claim))
        claim.refresh_from_db()
        assert claim.state == "CLOSING"
        with pytest.raises(SlotTaken):
            hold()

    def test_the_next_jobs_drive_is_counted_anew(self) -> None:
        first = hold(zip_code="77002").claim
        after = hold(starts_at=TUESDAY_10 + 7 * HALF_HOUR).claim
        before = after.period[0]
        release_hold(claim_id=first.pk, token=token_of(first))
        after.refresh_from_db()
        assert after.period.lower > before
        check_calendars()

    def test_only_its_own_token_releases_it(self) -> None:
        claim, other = hold().claim, hold(starts_at=TUESDAY_10 + 4 * HALF_HOUR).claim
        with pytest.raises(HoldNotFound):
            release_hold(claim_id=claim.pk, token=token_of(other))
        booking = book(token=token_of(other), starts_at=TUESDAY_10 + 4 * HALF_HOUR)
        with pytest.raises(HoldNotFound):
            release_hold(claim_id=other.pk, token=token_of(other))
        assert booking.claims.get().state == "PAYING"
        claim.refresh_from_db()
        assert claim.state == "HELD"


class TestSweep:
    """What nobody came back for."""

    def test_dead_holds_end_and_nothing_else(self) -> None:
        dead = hold(zip_code="77002").claim
        alive = hold(starts_at=TUESDAY_10 + 7 * HALF_HOUR).claim
        paying = hold(starts_at=TUESDAY_10 + timedelta(days=1)).claim
        begin_payment(claim=locks.lock_claim(claim_id=paying.pk), now=NOW)
        let_die(dead)
        let_die(paying)
        assert expire_holds() == 1
        assert expire_holds() == 0
        states = dict(SlotClaim.objects.values_list("pk", "state"))
        assert states == {dead.pk: "EXPIRED", alive.pk: "HELD", paying.pk: "PAYING"}
        check_calendars()

    def test_at_most_so_many_at_a_time(self) -> None:
        days = [TUESDAY_10 + number * timedelta(days=1) for number in range(3)]
        for claim in [hold(starts_at=day).claim for day in days]:
            let_die(claim)
        assert expire_holds(limit=2) == 2
        assert expire_holds(limit=2) == 1

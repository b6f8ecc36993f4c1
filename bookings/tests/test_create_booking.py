"""Booking: from a hold or without one, at the agreed price, all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps

from bookings import events, locks, requests
from bookings.actions import create_booking as module
from bookings.actions.begin_payment import begin_payment
from bookings.chain import Reason
from bookings.claims import Occupied
from bookings.errors import HoldExpired, HoldNotFound, PriceChanged, SlotTaken, SlotUnavailable
from bookings.events import BookingConfirmed, BookingCreated
from bookings.holders import token_of
from bookings.models import Booking, PromoRedemption, SlotClaim
from bookings.quoting import Wanted
from bookings.requests import TERMS_VERSION
from bookings.states import BookingStatus
from bookings.tests.chain import check_bookings, check_calendars
from bookings.tests.factories import (
    HALF_HOUR,
    NOW,
    STAFF,
    TUESDAY_10,
    a_notary,
    book,
    customer,
    hold,
    wanted,
)
from bookings.tests.hearing import heard
from hmnp.accounts.models import Partner, Terms
from hmnp.core import tokens
from hmnp.core.context import Actor, ActorType
from hmnp.core.errors import ValidationFailed
from hmnp.core.events import subscribe
from services import quotes
from services.errors import OutOfServiceArea, PromoInvalid, UnknownZip
from services.models import PromoCode
from services.tests.fixtures import Catalogue

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def counts() -> dict[str, int]:
    """Give the number of rows of every table."""
    return {model._meta.db_table: model._base_manager.count() for model in apps.get_models()}


def quoted(asked: Wanted, *, now: datetime = NOW, cents: int | None = None) -> str:
    """Give a quote token for what is asked."""
    pricing = quotes.quote(now=now, **asked.facts())
    if cents is not None:
        pricing = replace(pricing, final_price_cents=cents)
    return quotes.sign_quote(pricing=pricing, now=now, **asked.facts()).token


@pytest.fixture(autouse=True)
def _notary(catalogue: Catalogue) -> None:
    a_notary()


class TestWithoutAHold:
    """One request claims the time and books it."""

    def test_it_waits_for_the_deposit(self) -> None:
        with heard(BookingCreated, BookingConfirmed) as facts:
            booking = book()
        assert booking.status == BookingStatus.PENDING_PAYMENT
        assert (booking.price_cents, booking.due_now_cents) == (8500, 4250)
        assert (booking.amount_due_cents, booking.balance_due_cents) == (4250, 8500)
        claim = SlotClaim.objects.get(booking=booking)
        assert (claim.state, claim.notary_id) == ("PAYING", booking.notary_id)
        assert claim.expires_at == booking.expires_at
        assert claim.expires_at is not None
        window = claim.expires_at - claim.held_at
        assert timedelta(minutes=15) <= window < timedelta(minutes=15, seconds=30)
        assert claim.max_expires_at == claim.held_at + timedelta(minutes=20)
        (fact,) = facts
        assert isinstance(fact, BookingCreated)
        assert (fact.claim.pk, fact.due_cents) == (claim.pk, 4250)
        check_bookings()

    def test_everything_asked_for_is_kept(self) -> None:
        who = customer(
            unit="4",
            signer_details=[{"name": "Bo", "email": "bo@example.com"}],
            special_instructions="Ring twice.",
            locale="es",
            sms_consent=True,
        )
        booking = book(who=who, signers=3, documents=5)
        booking.refresh_from_db()
        assert booking.customer_name == "Ada Customer"
        assert str(booking.customer_phone) == "+17135550123"
        assert (booking.street, booking.unit, booking.zip_code) == ("1 Main St", "4", "77573")
        assert (booking.signers, booking.documents) == (3, 5)
        assert booking.price_cents == 8500 + 500 + 1000
        assert booking.signer_details == [{"name": "Bo", "email": "bo@example.com"}]
        assert (booking.special_instructions, booking.locale) == ("Ring twice.", "es")
        assert booking.timezone == "America/Chicago"
        assert booking.terms_version == TERMS_VERSION
        assert (booking.terms_accepted_at, booking.terms_ip) == (NOW, "203.0.113.7")
        assert (booking.sms_consent_at, booking.sms_consent_ip) == (NOW, "203.0.113.7")
        assert booking.tier_starts_at == booking.starts_at == TUESDAY_10
        assert booking.policy["move_fee_cents"] == 2500

    def test_without_consent_none_is_kept(self) -> None:
        booking = book()
        assert (booking.sms_consent_at, booking.sms_consent_ip) == (None, None)

    def test_the_token_is_stored_hashed(self) -> None:
        booking = book()
        token = tokens.derive(purpose=tokens.ACCESS, subject_id=booking.pk)
        assert booking.access_hash == token.hash
        assert booking.access_key_id == token.key_id

    def test_the_timeline_begins_with_who_and_from_where(self) -> None:
        actor = Actor(
            type=ActorType.CUSTOMER, request_id="req-12345", ip="203.0.113.7", user_agent="curl/8"
        )
        event = book(actor=actor).timeline.get()
        assert (event.action, event.actor_type) == ("created", "customer")
        assert (event.request_id, event.ip_address) == ("req-12345", "203.0.113.7")
        assert (event.user_agent, event.at) == ("curl/8", NOW)
        assert event.metadata == {
            "priceCents": 8500,
            "dueCents": 4250,
            "termsVersion": TERMS_VERSION,
        }
        assert "Ada" not in repr(vars(event))

    def test_remote_work_is_due_in_full_and_done_at_home(self) -> None:
        a_notary(skills=["ron"], home_zip="77002")
        booking = book(slug="ron", zip_code=None)
        assert (booking.price_cents, booking.due_now_cents) == (3500, 3500)
        claim = SlotClaim.objects.get(booking=booking)
        assert (claim.place_zip, claim.customer_zip) == ("77002", "")

    @pytest.mark.parametrize("who", ["staff", "statement"])
    def test_who_pays_later_is_confirmed_at_once(self, who: str) -> None:
        partner = Partner.objects.create(name="Gulf Title", terms=Terms.STATEMENT)
        by_partner = Actor(type=ActorType.PARTNER, id=str(partner.pk))
        with heard(BookingCreated, BookingConfirmed) as facts:
            booking = (
                book(actor=STAFF) if who == "staff" else book(actor=by_partner, partner=partner)
            )
        assert booking.status == BookingStatus.CONFIRMED
        assert (booking.due_now_cents, booking.amount_due_cents) == (0, 0)
        assert booking.balance_due_cents == 8500
        assert booking.pricing["deposit_required_cents"] == 0
        assert booking.expires_at is None
        assert [type(fact) for fact in facts] == [BookingCreated, BookingConfirmed]
        assert [event.action for event in booking.timeline.all()] == ["created", "confirmed"]
        assert SlotClaim.objects.get().state == "BOOKED"
        check_bookings()

    def test_a_partner_on_card_terms_pays_like_anyone(self) -> None:
        partner = Partner.objects.create(name="Gulf Title", terms=Terms.CARD)
        actor = Actor(type=ActorType.PARTNER, id=str(partner.pk))
        booking = book(actor=actor, partner=partner)
        assert booking.status == BookingStatus.PENDING_PAYMENT
        assert booking.partner == partner

    def test_an_emergency_is_judged_now(self) -> None:
        soon = datetime(2027, 3, 1, 18, 0, tzinfo=UTC)
        booking = book(starts_at=soon)
        assert booking.is_emergency
        assert booking.price_cents == 8500 + 5000

    @pytest.mark.parametrize(
        ("kwargs", "error"),
        [
            ({"starts_at": TUESDAY_10 + timedelta(minutes=10)}, SlotUnavailable),
            ({"starts_at": NOW + timedelta(hours=1)}, SlotUnavailable),
            ({"starts_at": TUESDAY_10 + timedelta(days=180)}, SlotUnavailable),
            ({"starts_at": TUESDAY_10 + timedelta(hours=9)}, SlotUnavailable),
            ({"slug": "ron", "zip_code": None}, SlotUnavailable),
            ({"zip_code": "77450"}, OutOfServiceArea),
            ({"zip_code": "77352"}, UnknownZip),
            ({"promo_code": "NOPE"}, PromoInvalid),
            ({"promo_code": "SUMMER26"}, PromoInvalid),
            ({"signers": 11}, ValidationFailed),
            ({"starts_at": NOW - timedelta(days=1)}, ValidationFailed),
            ({"expected_cents": 8400}, PriceChanged),
            ({"quote_token": "forged"}, ValidationFailed),
        ],
    )
    def test_a_refusal_leaves_nothing(self, kwargs: Any, error: type[Exception]) -> None:
        before = counts()
        with heard(BookingCreated) as facts, pytest.raises(error):
            book(**kwargs)
        assert facts == []
        assert counts() == before

    def test_a_taken_time_is_refused_with_the_next_three(self) -> None:
        book()
        before = counts()
        with pytest.raises(SlotTaken) as refused:
            book()
        starts = [one["startTime"] for one in refused.value.details["alternatives"]]
        assert starts == [
            "2027-03-02T11:30:00-06:00",
            "2027-03-02T12:00:00-06:00",
            "2027-03-02T12:30:00-06:00",
        ]
        assert counts() == before

    def test_another_notary_steps_in(self) -> None:
        a_notary()
        assert book().notary_id != book().notary_id
        check_calendars()

    def test_a_reference_that_is_taken_is_drawn_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = book()
        drawn = iter([first.reference, first.reference, "HM-999999"])
        monkeypatch.setattr(requests, "new_reference", lambda: next(drawn))
        assert book(starts_at=TUESDAY_10 + 4 * HALF_HOUR).reference == "HM-999999"


class TestPrice:
    """The price is the one promised, or one that was agreed to."""

    def test_a_live_quote_is_honoured(self) -> None:
        assert book(quote_token=quoted(wanted(), cents=8000)).price_cents == 8000

    def test_an_expired_quote_with_the_same_total_is_no_matter(self) -> None:
        old = quoted(wanted(), now=NOW - timedelta(hours=1))
        assert book(quote_token=old).price_cents == 8500

    def test_an_expired_quote_with_another_total_is_refused_with_a_fresh_one(self) -> None:
        old = quoted(wanted(), now=NOW - timedelta(hours=1), cents=8000)
        with pytest.raises(PriceChanged) as refused:
            book(quote_token=old)
        fresh = refused.value.details["pricing"]
        assert fresh["finalPrice"] == 85.0
        assert book(quote_token=fresh["quoteToken"]).price_cents == 8500

    def test_a_quote_for_other_facts_counts_only_by_its_total(self) -> None:
        with pytest.raises(PriceChanged):
            book(documents=5, quote_token=quoted(wanted(documents=4)))
        assert book(documents=3, quote_token=quoted(wanted(documents=4))).price_cents == 8500

    def test_a_quote_for_another_service_is_refused(self) -> None:
        with pytest.raises(ValidationFailed) as refused:
            book(quote_token=quoted(wanted(slug="extended-hours")))
        assert refused.value.field == "quoteToken"

    def test_the_expected_price_is_compared_with_the_one_used(self) -> None:
        token = quoted(wanted(), cents=8000)
        with pytest.raises(PriceChanged):
            book(quote_token=token, expected_cents=8500)
        assert book(quote_token=token, expected_cents=8000).price_cents == 8000

    def test_a_promo_code_is_counted_once(self) -> None:
        booking = book(promo_code="WELCOME10")
        assert booking.price_cents == 8500 - 850
        assert PromoCode.objects.get(code="WELCOME10").times_used == 1
        redemption = PromoRedemption.objects.get()
        assert (redemption.booking, redemption.customer_email) == (booking, "ada@example.com")
        with pytest.raises(PromoInvalid) as refused:
            book(promo_code="WELCOME10", starts_at=TUESDAY_10 + timedelta(days=1))
        assert refused.value.details["reason"] == "USED_BY_CUSTOMER"
        assert PromoCode.objects.get(code="WELCOME10").times_used == 1
        assert Booking.objects.count() == 1


class TestFromAHold:
    """The hold's row becomes the booking's."""

    def test_the_same_row_is_booked_at_the_held_price(self) -> None:
        held = hold(zip_code="77581")
        booking = book(zip_code="77581", token=token_of(held.claim))
        claim = SlotClaim.objects.get()
        assert (claim.pk, claim.booking, claim.state) == (held.claim.pk, booking, "PAYING")
        assert booking.price_cents == held.pricing.final_price_cents == 8500 + 2500
        check_bookings()

    def test_the_price_held_stays_although_the_catalogue_changed(
        self, catalogue: Catalogue
    ) -> None:
        held = hold()
        service = apps.get_model("services", "Service")
        service.objects.filter(pk=catalogue.standard.id).update(base_price_cents=9900)
        assert book(token=token_of(held.claim)).price_cents == 8500

    def test_notice_and_emergency_are_those_of_the_hold(self) -> None:
        soon = datetime(2027, 3, 1, 18, 30, tzinfo=UTC)
        held = hold(starts_at=soon, now=soon - timedelta(hours=4, minutes=1))
        later = soon - timedelta(hours=1, minutes=58)
        booking = book(starts_at=soon, now=later, token=token_of(held.claim), documents=5)
        assert not booking.is_emergency
        assert booking.price_cents == 8500 + 1000

    def test_another_zip_moves_the_claim_in_place_and_is_priced_anew(self) -> None:
        held = hold()
        booking = book(zip_code="77581", token=token_of(held.claim))
        claim = SlotClaim.objects.get()
        assert (claim.pk, claim.place_zip) == (held.claim.pk, "77581")
        assert booking.price_cents == 8500 + 2500
        check_calendars()
        check_bookings()

    def test_a_zip_out_of_the_notarys_reach_is_refused_and_the_hold_stays(self) -> None:
        held = hold()
        book(starts_at=TUESDAY_10 + 3 * HALF_HOUR)
        before = counts()
        with pytest.raises(SlotTaken) as refused:
            book(zip_code="77002", token=token_of(held.claim))
        assert len(refused.value.details["alternatives"]) == 3
        assert counts() == before
        assert SlotClaim.objects.get(pk=held.claim.pk).state == "HELD"
        check_calendars()

    @pytest.mark.parametrize(
        ("kwargs", "field"),
        [
            ({"slug": "extended-hours"}, "serviceId"),
            ({"starts_at": TUESDAY_10 + HALF_HOUR}, "scheduledDateTime"),
        ],
    )
    def test_a_hold_is_for_its_own_service_and_time(self, kwargs: Any, field: str) -> None:
        held = hold()
        with pytest.raises(ValidationFailed) as refused:
            book(token=token_of(held.claim), **kwargs)
        assert refused.value.field == field
        assert not Booking.objects.exists()

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
    def test_an_intent_freezes_every_value(self, kwargs: Any, field: str) -> None:
        held = hold()
        begin_payment(claim=locks.lock_claim(claim_id=held.claim.pk), now=NOW)
        with pytest.raises(PriceChanged) as refused:
            book(token=token_of(held.claim), **kwargs)
        assert refused.value.field == field
        assert not Booking.objects.exists()
        assert SlotClaim.objects.get().state == "PAYING"
        assert book(token=token_of(held.claim)).price_cents == 8500

    def test_the_window_opens_once_and_never_beyond_twenty_minutes(self) -> None:
        held = hold()
        begin_payment(claim=locks.lock_claim(claim_id=held.claim.pk), now=NOW)
        opened = SlotClaim.objects.get().expires_at
        booking = book(token=token_of(held.claim))
        assert booking.expires_at == opened
        late = hold(starts_at=TUESDAY_10 + 4 * HALF_HOUR).claim
        soon = late.held_at - timedelta(minutes=18)
        limit = soon + timedelta(minutes=20)
        SlotClaim.objects.filter(pk=late.pk).update(held_at=soon, max_expires_at=limit)
        booking = book(starts_at=TUESDAY_10 + 4 * HALF_HOUR, token=token_of(late))
        assert booking.expires_at == limit

    def test_an_expired_hold_is_gone_and_says_what_else_there_is(self) -> None:
        held = hold()
        SlotClaim.objects.filter(pk=held.claim.pk).update(expires_at=LONG_AGO)
        before = counts()
        with pytest.raises(HoldExpired) as refused:
            book(token=token_of(held.claim))
        assert len(refused.value.details["alternatives"]) == 3
        assert counts() == before

    @pytest.mark.parametrize("state", ["EXPIRED", "RELEASED", "CLOSING"])
    def test_a_hold_that_has_ended_is_gone(self, state: str) -> None:
        held = hold()
        SlotClaim.objects.filter(pk=held.claim.pk).update(state=state)
        with pytest.raises(HoldExpired):
            book(token=token_of(held.claim))
        assert not Booking.objects.exists()

    def test_a_hold_is_booked_once(self) -> None:
        held = hold()
        book(token=token_of(held.claim))
        with pytest.raises(HoldNotFound):
            book(token=token_of(held.claim))
        assert Booking.objects.count() == 1

    def test_a_revoked_token_opens_nothing(self) -> None:
        held = hold()
        token = token_of(held.claim)
        other = tokens.derive(purpose=tokens.HOLD, subject_id=held.claim.pk, generation=2)
        SlotClaim.objects.filter(pk=held.claim.pk).update(token_generation=2, token_hash=other.hash)
        with pytest.raises(HoldNotFound):
            book(token=token)
        assert not Booking.objects.exists()


class TestAllOrNothing:
    """Whatever fails, wherever: no row in any table."""

    @pytest.fixture(params=["without a hold", "from a hold"])
    def attempt(self, request: pytest.FixtureRequest) -> Callable[[], Booking]:
        kwargs: dict[str, Any] = {"promo_code": "WELCOME10"}
        if request.param == "from a hold":
            kwargs["token"] = token_of(hold(**kwargs).claim)
        return lambda: book(**kwargs)

    def check(self, attempt: Callable[[], Booking], error: type[Exception]) -> None:
        before = counts()
        claims = list(SlotClaim.objects.values())
        uses = PromoCode.objects.get(code="WELCOME10").times_used
        with pytest.raises(error):
            attempt()
        assert counts() == before
        assert list(SlotClaim.objects.values()) == claims
        assert PromoCode.objects.get(code="WELCOME10").times_used == uses

    @pytest.mark.parametrize("step", ["create.locked", "create.ready", "create.before_commit"])
    def test_a_crash_between_steps(
        self, attempt: Callable[[], Booking], monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        passed: list[str] = []

        def crash(name: str) -> None:
            passed.append(name)
            if name == step:
                raise RuntimeError(step)

        monkeypatch.setattr(module, "crashpoint", crash)
        if step == "create.locked" and SlotClaim.objects.exists():
            attempt()
            assert step not in passed
            return
        self.check(attempt, RuntimeError)
        assert step in passed

    @pytest.mark.parametrize(
        "step",
        [
            "promotions.take",
            "promotions.redeem",
            "new_booking",
            "open_window",
            "timeline.record",
            "emit",
        ],
    )
    def test_each_step_fails(
        self, attempt: Callable[[], Booking], monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        def fail(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError(step)

        if step == "open_window" and not SlotClaim.objects.exists():
            # A claim that is made with the booking begins in its payment window.
            step = "claims.take"
        monkeypatch.setattr(f"bookings.actions.create_booking.{step}", fail)
        self.check(attempt, RuntimeError)

    @pytest.mark.parametrize("step", ["claims.turn", "timeline.apply"])
    def test_each_step_of_confirming_fails(
        self, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        def fail(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError(step)

        monkeypatch.setattr(f"bookings.actions.confirm_booking.{step}", fail)
        self.check(lambda: book(actor=STAFF, promo_code="WELCOME10"), RuntimeError)

    @pytest.mark.parametrize("fact", [BookingCreated, BookingConfirmed])
    def test_whoever_reacts_last_fails(self, fact: type[events.BookingEvent]) -> None:
        token = token_of(hold(promo_code="WELCOME10").claim)

        def attempt() -> Booking:
            return book(promo_code="WELCOME10", token=token, actor=STAFF)

        reached: list[bool] = []

        def fail(event: events.BookingEvent) -> None:
            reached.append(event.actor == STAFF)
            raise RuntimeError("on the floor above")

        with heard(fact):
            subscribe(fact, fail)
            self.check(attempt, RuntimeError)
        assert reached == [True]

    def test_the_row_of_the_claim_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*args: Any, **kwargs: Any) -> None:
            raise Occupied(Reason.HELD)

        monkeypatch.setattr("bookings.claims._place", fail)
        self.check(book, SlotTaken)

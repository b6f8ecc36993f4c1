"""Step 2: where and when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from bookings.actions.hold_slot import HoldRequest, hold_slot
from bookings.models import SlotClaim
from bookings.states import ClaimState
from bookings.tests.browsing import (
    WHEN,
    cookie,
    look,
    pick,
    start_of,
    text_of,
    values_of,
    weekday_ahead,
)
from bookings.tests.factories import HOLDER, NOW, NotaryFactory, wanted
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _notary(catalogue: Catalogue) -> None:
    NotaryFactory()
    NotaryFactory(skills=["ron"], hours=(0, 1440))


def test_it_asks_for_the_zip_code_before_it_shows_times(client: Client) -> None:
    page = client.get(WHEN.format(slug="standard-notary"))

    assert page.status_code == 200
    assert "Step 2 of 4 — When and where" in page.content.decode()
    assert values_of(page, "start") == []
    assert "Please look at this again" not in text_of(page)


def test_it_shows_the_price_with_the_travel_line_named(client: Client) -> None:
    said = text_of(look(client, zip="77002", signers="3", documents="6"))

    assert "Travel, 33.7 miles (30–40 miles) $45.00" in said
    assert "Total $155.00" in said
    assert "Due now $77.50" in said
    assert "At the door: card, cash or check $77.50" in said


def test_travel_that_is_included_is_named_too(client: Client) -> None:
    assert "Travel, 10.8 miles (up to 20 miles) included" in text_of(look(client))


def test_times_are_radio_groups_labelled_in_full(client: Client) -> None:
    page = look(client)
    source = page.content.decode()

    starts = [start_of(value) for value in values_of(page, "start")]
    assert len(starts) == 15  # 9:00 to 16:00, every half hour
    assert "<legend>Morning</legend>" in source
    assert "<legend>Afternoon</legend>" in source
    assert (
        f'aria-label="{starts[0]:%A} {starts[0].day} {starts[0]:%B}, 9:00 am to 10:00 am' in source
    )


def test_an_empty_day_says_when_the_next_free_time_is(client: Client) -> None:
    day = timezone.now().date() + timedelta(days=3)
    while day.isoweekday() != 7:
        day += timedelta(days=1)

    page = look(client, day=day.isoformat())

    assert values_of(page, "start") == []
    assert "No time is free on this day. The next free time is Monday" in text_of(page)


def test_short_notice_is_marked_on_the_times_it_costs_more(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bookings.pages.when.timezone.now", lambda: NOW)  # 8:00 on a Monday
    page = look(client, day="2027-03-01")

    first, *_ = values_of(page, "start")
    assert start_of(first) == NOW + timedelta(hours=2)
    # 10:00 to 12:00 are four hours ahead or less.
    assert page.content.decode().count('class="extra">+$50') == 5
    assert "Total $85.00" in text_of(page)
    assert "Times marked with + cost that much more." in text_of(page)


@pytest.mark.parametrize(
    ("zip_code", "said"),
    [
        ("78701", "78701 is too far away: we drive up to 50 miles from ZIP 77591."),
        ("00000", "We do not know the ZIP code 00000."),
        ("7757", "A ZIP code has five digits"),
        ("", "Give the ZIP code we are to come to."),
    ],
)
def test_a_place_we_cannot_serve_is_explained_beside_the_field(
    client: Client, zip_code: str, said: str
) -> None:
    page = look(client, zip=zip_code)
    source = page.content.decode()

    assert said in text_of(page)
    assert 'id="id_zip_error"' in source
    assert 'href="#id_zip"' in source
    assert "<title>Error: Step 2 of 4" in source
    assert values_of(page, "start") == []


def test_far_away_it_offers_the_online_service(client: Client) -> None:
    assert b'href="/services/ron/"' in look(client, zip="78701").content


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"signers": "11"}, "We take at most 10 signers in one appointment."),
        ({"documents": "0"}, "There must be at least one of the documents."),
        ({"signers": "two"}, "Give the number of signers in digits."),
        ({"promo": "NOPE"}, "We do not know this promo code."),
    ],
)
def test_other_faults_are_shown_and_what_was_typed_is_kept(
    client: Client, facts: dict[str, str], said: str
) -> None:
    page = look(client, **facts)

    assert said in text_of(page)
    for name, value in facts.items():
        assert value in values_of(page, name)
    assert "77573" in values_of(page, "zip")


def test_looking_changes_nothing(client: Client) -> None:
    look(client)
    look(client, slug="ron")

    assert not SlotClaim.objects.exists()


def test_choosing_a_time_holds_it_and_asks_for_the_details(client: Client) -> None:
    answer = pick(client, signers="2", documents="5")

    assert (answer.status_code, answer["Location"]) == (302, "/book/standard-notary/details/")
    claim = SlotClaim.objects.get()
    assert claim.state == ClaimState.HELD
    assert (claim.customer_zip, claim.signers, claim.documents) == ("77573", 2, 5)
    assert cookie(answer, "hmnp_hold") == {"path": "/book/", "httponly": True, "samesite": "Lax"}


def test_a_form_sent_twice_holds_once(client: Client) -> None:
    page = look(client)
    pick(client, page=page)
    # The second press of the button left before the first answer brought the cookie.
    client.cookies.clear()

    assert pick(client, page=page).status_code == 302
    assert SlotClaim.objects.count() == 1


def test_another_time_moves_the_hold(client: Client) -> None:
    page = look(client)
    pick(client, page=page, number=2)
    pick(client, page=page, number=8)

    claim = SlotClaim.objects.get()
    assert claim.starts_at == start_of(values_of(page, "start")[8])


def test_the_time_one_holds_is_offered_again_and_chosen(client: Client) -> None:
    page = look(client)
    pick(client, page=page, number=2)
    mine = values_of(page, "start")[2]

    again = look(client)

    assert mine in values_of(again, "start")
    assert again.content.decode().count(" checked>") == 1


def test_a_hold_that_ended_does_not_stand_in_the_way(client: Client) -> None:
    pick(client)
    SlotClaim.objects.update(expires_at=timezone.now() - timedelta(minutes=1))

    assert pick(client, number=4).status_code == 302
    assert SlotClaim.objects.filter(expires_at__gt=timezone.now()).count() == 1


def test_a_taken_time_offers_the_next_three(client: Client) -> None:
    page = look(client)
    taken = start_of(values_of(page, "start")[2])
    hold_slot(
        request=HoldRequest(wanted=wanted(starts_at=taken)), holder=HOLDER, now=timezone.now()
    )

    answer = pick(client, page=page, number=2)

    assert answer.status_code == 409
    assert "This time has just been taken" in text_of(answer)
    offered = answer.content.decode().count('id="start-alt-')
    assert offered == 3
    assert SlotClaim.objects.count() == 1
    assert pick(client, page=answer, number=0).status_code == 302


@pytest.mark.parametrize("start", ["", "soon", "2027-03-02T10:00:00"])
def test_a_time_nobody_offered_is_refused(client: Client, start: str) -> None:
    sent = {"zip": "77573", "signers": "1", "documents": "1", "start": start}
    answer = client.post(WHEN.format(slug="standard-notary"), sent)

    assert answer.status_code == 400
    assert "Pick a time" in text_of(answer)
    assert not SlotClaim.objects.exists()


def test_a_time_outside_the_hours_cannot_be_booked(client: Client) -> None:
    sent = {
        "zip": "77573",
        "signers": "1",
        "documents": "1",
        "start": f"{weekday_ahead()}T03:00:00-06:00",
    }
    answer = client.post(WHEN.format(slug="standard-notary"), sent)

    assert answer.status_code == 409
    assert "This time cannot be booked" in text_of(answer)
    assert not SlotClaim.objects.exists()


def test_online_needs_no_place(client: Client) -> None:
    page = client.get(WHEN.format(slug="ron"))

    assert values_of(page, "start")
    assert b'name="zip"' not in page.content
    assert "Total $35.00" in text_of(page)


def test_an_unknown_service_is_not_found(client: Client) -> None:
    assert client.get(WHEN.format(slug="nothing")).status_code == 404

"""How days, times and lengths are worded, and what is true of every page."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from hmnp.core import pages
from hmnp.core.errors import ServiceUnavailable
from hmnp.core.templatetags import show

CHICAGO = ZoneInfo("America/Chicago")
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("hour", "said"), [(0, "12:30 am"), (9, "9:30 am"), (12, "12:30 pm"), (23, "11:30 pm")]
)
def test_the_clock_is_the_zones_own(hour: int, said: str) -> None:
    local = datetime(2026, 12, 1, hour, 30, tzinfo=CHICAGO)

    assert pages.clock(local.astimezone(UTC), zone=CHICAGO) == said


def test_an_appointment_names_day_times_and_zone() -> None:
    start = datetime(2026, 12, 1, 15, 30, tzinfo=UTC)

    said = pages.appointment(start, start + HOUR, zone=CHICAGO)
    with_year = pages.appointment(start, start + HOUR, zone=CHICAGO, with_year=True)

    assert said == "Tuesday 1 December, 9:30 am to 10:30 am Central"
    assert with_year == "Tuesday 1 December 2026, 9:30 am to 10:30 am Central"


def test_the_hour_that_comes_twice_is_told_apart() -> None:
    first = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)

    assert pages.times(first, first + HOUR, zone=CHICAGO) == "1:30 am to 1:30 am CDT"
    assert pages.times(first + HOUR, first + 2 * HOUR, zone=CHICAGO) == "1:30 am to 2:30 am CST"


def test_a_zone_without_a_name_of_its_own_is_abbreviated() -> None:
    start = datetime(2026, 12, 1, 15, 30, tzinfo=UTC)

    assert pages.zone_name(start, zone=ZoneInfo("America/Anchorage")) == "AKST"


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0, "0 minutes"),
        (1, "1 minute"),
        (45, "45 minutes"),
        (60, "1 hour"),
        (90, "1 hour 30 minutes"),
        (1440, "24 hours"),
    ],
)
def test_lengths_are_in_words(minutes: int, said: str) -> None:
    assert pages.length(minutes) == said
    assert show.how_long(minutes) == said


def test_money_is_shown_with_and_without_cents() -> None:
    assert show.money(8500) == "$85.00"
    assert show.round_money(8500) == "$85"
    assert show.round_money(4250) == "$42.50"


def test_a_day_is_that_of_the_zone() -> None:
    late = datetime(2026, 12, 2, 3, 0, tzinfo=UTC)

    assert show.day(late, CHICAGO) == "Tuesday 1 December"
    assert show.day(date(2026, 12, 2)) == "Wednesday 2 December"


def test_every_form_has_a_key_of_its_own() -> None:
    assert pages.new_form_key() != pages.new_form_key()
    assert len(pages.new_form_key()) == 32


@pages.page("GET")
def _read_only(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(request.method))


@pages.page("POST", is_personal=False)
def _busy(request: HttpRequest) -> HttpResponse:
    raise ServiceUnavailable(retry_after=7)


def test_a_page_answers_its_methods_only(rf: RequestFactory) -> None:
    assert _read_only(rf.get("/")).status_code == 200
    assert _read_only(rf.head("/")).status_code == 200
    refused = _read_only(rf.post("/"))
    assert (refused.status_code, refused["Allow"]) == (405, "GET")


def test_what_is_personal_is_kept_by_no_cache(rf: RequestFactory) -> None:
    assert _read_only(rf.get("/"))["Cache-Control"] == "no-store"


def test_a_refusal_becomes_a_page_that_says_when_to_come_back(rf: RequestFactory) -> None:
    answer = _busy(rf.post("/"))

    assert isinstance(answer, HttpResponse)
    assert answer.status_code == 503
    assert answer["Retry-After"] == "7"
    assert b"Please try again in a moment" in answer.content
    assert "Cache-Control" not in answer

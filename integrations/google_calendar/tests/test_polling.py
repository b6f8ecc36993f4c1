"""Busy times come in, echoes are dropped, and what was done to our events calls a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.utils import timezone

from bookings.models import Booking, BusyBlock, Notary
from integrations import refs
from integrations.calendar_reading import source_of
from integrations.errors import ConnectorError
from integrations.google_calendar import client, connector, mapping, polling, reconciling
from integrations.google_calendar.tests.conftest import Outside
from integrations.models import CalendarFeed, OutboxJob
from integrations.states import Destination

pytestmark = pytest.mark.django_db

MARIA = "maria.alvarez@sandbox.example"
COMPANY = "bookings@sandbox.example"
CHICAGO = ZoneInfo("America/Chicago")


def cases() -> Any:
    """Give the desk's cases; the desk is above us."""
    return apps.get_model("desk", "Case")._default_manager


@pytest.fixture
def notary(booking: Booking) -> Notary:
    """The booking's notary, who keeps a calendar of her own."""
    Notary.objects.update(calendar_id=MARIA)
    booking.refresh_from_db()
    assert booking.notary is not None
    return booking.notary


def poll() -> int:
    return polling.poll(now=timezone.now())


def deliver(booking: Booking) -> None:
    connector.deliver(OutboxJob(booking=booking), timezone.now())


def in_days(days: int, hour: int = 9) -> datetime:
    day = timezone.now().astimezone(CHICAGO).date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, hour, tzinfo=CHICAGO)


def private(outside: Outside, name: str, starts_at: datetime, **fields: Any) -> None:
    times = {"start": starts_at, "end": starts_at + timedelta(hours=1)}
    given = {
        key: {"dateTime": at.isoformat(), "timeZone": "America/Chicago"}
        for key, at in times.items()
    }
    outside.google("events", calendar=MARIA, id=name, **{**given, **fields})


def blocks() -> list[tuple[datetime, datetime]]:
    return sorted((one.period.lower, one.period.upper) for one in BusyBlock.objects.all())


def hours(starts_at: datetime, count: int = 1) -> tuple[datetime, datetime]:
    return starts_at, starts_at + timedelta(hours=count)


def test_private_events_take_time_until_they_are_gone(outside: Outside, notary: Notary) -> None:
    private(outside, "dentist", in_days(5))
    private(outside, "0reminder", in_days(5, 12), transparency="transparent")
    day = in_days(7, 0)
    private(
        outside,
        "0holida",
        day,
        start={"date": f"{day:%Y-%m-%d}"},
        end={"date": f"{day + timedelta(days=2):%Y-%m-%d}"},
    )
    private(outside, "0gone", in_days(6), status="cancelled")
    assert poll() == 2
    assert blocks() == [hours(in_days(5)), (day, in_days(9, 0))]
    assert {one.source for one in BusyBlock.objects.all()} == {
        source_of(system=Destination.GOOGLE_CALENDAR, container=MARIA)
    }
    assert poll() == 0

    outside.google("events/change", calendar=MARIA, id="dentist", minutes=60)
    outside.google("events/delete", calendar=MARIA, id="0holida")
    assert poll() == 2
    assert blocks() == [hours(in_days(5, 10))]
    outside.google("events/change", calendar=MARIA, id="dentist", transparency="transparent")
    assert poll() == 1
    assert blocks() == []
    assert not cases().exists()


def test_a_standing_appointment_keeps_its_wall_clock_over_the_change_of_the_clocks(
    outside: Outside, notary: Notary
) -> None:
    first = datetime(2027, 3, 8, 9, tzinfo=CHICAGO)
    private(outside, "gamma", first, recurrence=["RRULE:FREQ=WEEKLY;COUNT=2"])
    assert polling.poll(now=first - timedelta(days=1)) == 2
    before, after = blocks()
    assert before[0] == datetime(2027, 3, 8, 15, tzinfo=UTC)
    assert after[0] == datetime(2027, 3, 15, 14, tzinfo=UTC)
    outside.google("events/delete", calendar=MARIA, id="gamma")
    assert polling.poll(now=first) == 2
    assert blocks() == []


def test_an_all_day_event_is_as_long_as_the_day_in_the_calendars_zone(
    outside: Outside, notary: Notary
) -> None:
    outside.google("calendars", calendar=MARIA, timeZone="America/New_York")
    for day, length in (("2027-03-14", 23), ("2027-11-07", 25)):
        at = datetime.fromisoformat(f"{day}T00:00:00")
        end = f"{at + timedelta(days=1):%Y-%m-%d}"
        name = f"0da{day[5:7]}"
        private(outside, name, at, start={"date": day}, end={"date": end})
        CalendarFeed.objects.update(sync_token="")
        polling.poll(now=at.replace(tzinfo=UTC))
        block = BusyBlock.objects.get(external_id=name)
        assert block.period.upper - block.period.lower == timedelta(hours=length)
        assert block.period.lower == datetime.fromisoformat(f"{day}T00:00").replace(
            tzinfo=ZoneInfo("America/New_York")
        )


def test_our_own_events_are_no_busy_times_and_no_news(
    outside: Outside, booking: Booking, notary: Notary
) -> None:
    deliver(booking)
    assert poll() == 0
    Booking.objects.filter(pk=booking.pk).update(
        version=2, starts_at=booking.starts_at + timedelta(hours=4),
        ends_at=booking.ends_at + timedelta(hours=4),
    )  # fmt: skip
    # Moved here and not yet told to Google: what Google has is what we wrote last.
    assert poll() == 0
    deliver(booking)
    assert poll() == 0
    Booking.objects.filter(pk=booking.pk).update(version=3, status="CANCELLED")
    deliver(booking)
    CalendarFeed.objects.update(sync_token="")
    assert poll() == 0
    assert (blocks(), cases().count()) == ([], 0)


def ours(booking: Booking) -> str:
    (ref,) = refs.find(booking_id=booking.pk, system=Destination.GOOGLE_CALENDAR)
    return ref.external_id


@pytest.mark.parametrize("is_whole", [False, True])
@pytest.mark.parametrize("did", ["moved", "deleted"])
def test_what_a_notary_does_to_our_event_is_a_case_and_is_not_obeyed(
    outside: Outside, booking: Booking, notary: Notary, did: str, is_whole: bool
) -> None:
    deliver(booking)
    poll()
    if did == "moved":
        outside.google("events/change", calendar=MARIA, id=ours(booking), minutes=90)
    else:
        outside.google("events/delete", calendar=MARIA, id=ours(booking))
    if is_whole:
        CalendarFeed.objects.update(sync_token="")
    assert poll() == 1
    case = cases().get()
    assert (case.kind, case.booking_id, case.repair) == ("OUTSIDE_CHANGE", booking.pk, "resync")
    assert f"was {did}" in case.summary
    before = (booking.status, booking.starts_at, booking.version)
    booking.refresh_from_db()
    assert (booking.status, booking.starts_at, booking.version) == before
    assert blocks() == []
    CalendarFeed.objects.update(sync_token="")
    assert poll() == 0
    # Putting it back is the repair, and says so.
    deliver(booking)
    assert poll() == 0
    case.refresh_from_db()
    assert case.closed_how == "the calendar was brought up to date"
    (event,) = outside.events()
    assert datetime.fromisoformat(event["start"]["dateTime"]) == booking.starts_at


def test_a_notary_who_puts_it_back_settles_the_case(
    outside: Outside, booking: Booking, notary: Notary
) -> None:
    deliver(booking)
    for minutes in (30, -30):
        outside.google("events/change", calendar=MARIA, id=ours(booking), minutes=minutes)
        poll()
    assert "as we wrote it" in cases().get().closed_how


def test_a_private_event_over_an_appointment_is_a_case(
    outside: Outside, booking: Booking, notary: Notary
) -> None:
    booking.claims.create(
        notary=notary,
        service_id=booking.service_id,
        state="BOOKED",
        period=(booking.starts_at, booking.ends_at),
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        wrap_up_minutes=0,
        place_zip="77573",
        held_at=timezone.now(),
        holder_key="x",
        token_key_id="x",
        token_hash="x",
    )
    deliver(booking)
    private(outside, "0therapist", booking.starts_at)
    poll()
    assert [case.kind for case in cases().all()] == ["CALENDAR_CLASH"]
    outside.google("events/delete", calendar=MARIA, id="0therapist")
    poll()
    assert not cases().filter(closed_at=None).exists()


def test_a_token_that_is_too_old_leads_to_everything_anew(outside: Outside, notary: Notary) -> None:
    private(outside, "alpha", in_days(5))
    private(outside, "beta0", in_days(6))
    poll()
    outside.google("events/delete", calendar=MARIA, id="beta0")
    outside.google("expire_sync_tokens")
    poll()
    assert blocks() == [hours(in_days(5))]
    CalendarFeed.objects.update(sync_token="nonsense")
    private(outside, "gamma", in_days(8))
    poll()
    assert blocks() == [hours(in_days(5)), hours(in_days(8))]


def test_many_pages_are_one_reading(
    outside: Outside, notary: Notary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_PAGE", 2)
    for number in range(5):
        private(outside, f"event{number}", in_days(5, 9 + number))
    assert poll() == 5
    assert poll() == 0


def test_busy_times_of_a_calendar_that_is_given_up_are_dropped(
    outside: Outside, notary: Notary
) -> None:
    private(outside, "dentist", in_days(5))
    poll()
    Notary.objects.update(calendar_id="james.whitfield@sandbox.example")
    assert poll() == 1
    assert blocks() == []
    Notary.objects.update(calendar_id=MARIA)
    assert poll() == 1
    assert len(blocks()) == 1
    # Two who keep one calendar are both busy by it.
    Notary.objects.create(name="B", email="b@example.com", home_zip="77058", calendar_id=MARIA)
    poll()
    assert len(blocks()) == 2
    Notary.objects.update(calendar_kind="none")
    poll()
    assert blocks() == []


def test_the_companys_calendar_makes_nobody_busy_but_its_events_are_watched(
    outside: Outside, booking: Booking
) -> None:
    outside.google("calendars", calendar=COMPANY)
    deliver(booking)
    at = in_days(4)
    outside.google(
        "events",
        calendar=COMPANY,
        start={"dateTime": at.isoformat()},
        end={"dateTime": (at + timedelta(hours=1)).isoformat()},
    )
    poll()
    assert blocks() == []
    outside.google("events/delete", calendar=COMPANY, id=ours(booking))
    poll()
    assert cases().get().kind == "OUTSIDE_CHANGE"


def test_a_calendar_that_refuses_keeps_its_old_times_calls_a_person_and_stops_no_other(
    outside: Outside, notary: Notary
) -> None:
    private(outside, "dentist", in_days(5))
    poll()
    Notary.objects.create(
        name="A", email="a@example.com", home_zip="77058", calendar_id="lost@sandbox.example"
    )
    outside.google("calendars", calendar=MARIA, role="none")
    assert poll() == 0
    assert len(blocks()) == 1
    waiting = cases().filter(kind="OUTSIDE_MISMATCH", closed_at=None)
    assert waiting.count() == 2
    outside.google("calendars", calendar=MARIA, role="reader")
    private(outside, "lunch", in_days(6))
    assert poll() == 1
    assert waiting.count() == 1


def test_a_google_that_is_down_calls_a_person_only_when_it_lasts(
    outside: Outside, notary: Notary
) -> None:
    for hours_later, count in ((0, 0), (2, 1)):
        outside.fault("error_500", method="GET")
        with pytest.raises(ConnectorError):
            polling.poll(now=timezone.now() + timedelta(hours=hours_later))
        assert cases().count() == count
    assert CalendarFeed.objects.get().last_error == "answered 500: Backend Error"


def test_a_reading_that_was_overtaken_changes_nothing(
    outside: Outside, notary: Notary, monkeypatch: pytest.MonkeyPatch
) -> None:
    private(outside, "dentist", in_days(5))
    listed = polling._listed

    def slowly(*args: Any, **kwargs: Any) -> Any:
        found = listed(*args, **kwargs)
        monkeypatch.setattr(polling, "_listed", listed)
        outside.google("events/delete", calendar=MARIA, id="dentist")
        assert poll() == 0
        return found

    monkeypatch.setattr(polling, "_listed", slowly)
    assert poll() == 0
    assert blocks() == []


@pytest.mark.parametrize(
    ("event", "is_busy"),
    [
        ({}, True),
        ({"eventType": "outOfOffice"}, True),
        ({"eventType": "workingLocation"}, False),
        ({"attendees": [{"self": True, "responseStatus": "declined"}]}, False),
        ({"attendees": [{"self": True, "responseStatus": "accepted"}]}, True),
        ({"attendees": [{"responseStatus": "declined"}]}, True),
    ],
)
def test_what_nobody_is_away_for_takes_no_time(event: dict[str, Any], is_busy: bool) -> None:
    times = {"start": {"date": "2027-03-02"}, "end": {"date": "2027-03-03"}}
    seen = mapping.seen(event={"id": "a", **times, **event}, zone=CHICAGO)
    assert seen is not None
    assert seen.is_busy is is_busy
    assert mapping.seen(event={"id": "a", "start": {}}, zone=CHICAGO) is None


def differences() -> list[tuple[str, str]]:
    found = reconciling.differences(now=timezone.now())
    return [(one.what, one.repair.value) for one in found]


def test_reconciling_names_what_is_missing_left_over_moved_and_unknown(
    outside: Outside, booking: Booking, notary: Notary
) -> None:
    assert differences() == [("the appointment is not in its notary's calendar", "resync")]
    deliver(booking)
    assert differences() == []
    outside.google("events/change", calendar=MARIA, id=ours(booking), minutes=90)
    assert differences() == [("the event was moved outside", "ask")]
    outside.google("events/delete", calendar=MARIA, id=ours(booking))
    assert differences() == [("the event was deleted outside", "ask")]
    deliver(booking)
    Booking.objects.update(version=2)
    assert differences() == [], "a payment changes the version, and nothing in the calendar"
    moved = booking.starts_at + timedelta(hours=1)
    Booking.objects.update(starts_at=moved, ends_at=moved + timedelta(hours=1))
    assert differences() == [("the calendar shows an older time", "resync")]
    now = timezone.now()
    job = OutboxJob.objects.create(
        kind="SYNC", destination="google_calendar", booking=booking, version=2,
        run_at=now, max_attempts=1, give_up_at=now, created_at=now,
    )  # fmt: skip
    assert differences() == []
    job.delete()
    Booking.objects.update(status="CANCELLED")
    assert differences() == [("an event is left of an appointment that is not there", "resync")]
    deliver(booking)
    private(
        outside,
        "0stranger",
        booking.starts_at,
        extendedProperties={"private": {"booking_id": str(booking.pk)}},
    )
    assert differences() == [("an event names a booking and is none that we wrote", "ask")]

"""The same port as Google's, against a real CalDAV server: Radicale."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from django.apps import apps
from django.utils import timezone
from icalendar import Calendar, Event
from pytest_django import Settings

from bookings.models import Booking, BusyBlock, Notary
from hmnp.core import sealed
from integrations import refs
from integrations.caldav import client, connector, mapping, polling, reconciling
from integrations.caldav.tests.radicale import PASSWORD, USER, Radicale
from integrations.calendar_reading import Seen
from integrations.errors import ConnectorError, NoLongerWanted
from integrations.models import CalendarFeed, OutboxJob
from integrations.states import Destination
from integrations.tests.cast import CUSTOMER, NAME, PHONE, STREET

pytestmark = pytest.mark.django_db
CHICAGO = ZoneInfo("America/Chicago")


def cases() -> Any:
    """Give the desk's cases; the desk is above us."""
    return apps.get_model("desk", "Case")._default_manager


@pytest.fixture(scope="module")
def _radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Radicale]:
    server = Radicale(folder=tmp_path_factory.mktemp("radicale"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def radicale(_radicale: Radicale, monkeypatch: pytest.MonkeyPatch) -> Radicale:
    """An empty calendar `work`, waited for only briefly."""
    monkeypatch.setattr(client, "TIMEOUT", httpx.Timeout(0.6))
    _radicale.make("work")
    _radicale.fault, _radicale.met = ("", ""), 0
    return _radicale


@pytest.fixture
def notary(radicale: Radicale, booking: Booking) -> Notary:
    """The booking's notary, who keeps the calendar."""
    assert booking.notary is not None
    keep(booking.notary, f"{radicale.door}/{USER}/work")
    booking.refresh_from_db()
    assert booking.notary is not None
    return booking.notary


def keep(notary: Notary, url: str, password: str = PASSWORD) -> None:
    notary.calendar_kind, notary.calendar_id, notary.calendar_user = "caldav", url, USER
    notary.calendar_password = password
    notary.save()


def deliver(booking: Booking) -> Any:
    return connector.deliver(OutboxJob(booking=booking), timezone.now())


def deliver_at_last(booking: Booking) -> list[ConnectorError]:
    errors = []
    for _ in range(3):
        try:
            deliver(booking)
        except ConnectorError as error:
            errors.append(error)
        else:
            return errors
    raise AssertionError([error.reason for error in errors])


def change(booking: Booking, **fields: Any) -> None:
    booking.version += 1
    for name, value in fields.items():
        setattr(booking, name, value)
    booking.save()


def poll(now: datetime | None = None) -> int:
    return polling.poll(now=now or timezone.now())


def check_held(radicale: Radicale, booking: Booking, calendar: str = "work") -> Any:
    """Assert that there is one object, equal to the booking, and a reference that says so."""
    ((name, text),) = radicale.objects(calendar).items()
    (event,) = Calendar.from_ical(text).walk("VEVENT")
    assert isinstance(event, Event)
    assert event.start == booking.starts_at
    assert event.end == booking.ends_at
    assert event["SEQUENCE"] == booking.version
    found = refs.find(booking_id=booking.pk, system=Destination.CALDAV)
    (ref,) = (one for one in found if one.container.endswith(f"/{calendar}/"))
    assert (ref.external_id, ref.status, ref.version) == (name, "confirmed", booking.version)
    return event


def test_an_event_is_made_moved_handed_on_and_taken_out(
    radicale: Radicale, booking: Booking, notary: Notary
) -> None:
    booking.special_instructions = "My husband must not know"
    deliver(booking)
    deliver(booking)
    event = check_held(radicale, booking)
    text = event.to_ical().decode().replace("\r\n ", "")
    for part in (NAME, PHONE, STREET, booking.reference, "/admin/bookings/booking/"):
        assert part in text, part
    assert CUSTOMER not in text
    assert "husband" not in text

    hour = timedelta(hours=1)
    change(booking, starts_at=booking.starts_at + hour, ends_at=booking.ends_at + hour)
    deliver(booking)
    check_held(radicale, booking)

    radicale.make("other")
    other = Notary(name="Other", email="o@example.com", home_zip="77058")
    keep(other, f"{radicale.door}/{USER}/other/")
    change(booking, notary=other)
    deliver(booking)
    check_held(radicale, booking, "other")
    assert radicale.objects("work") == {}
    change(booking, status="CANCELLED")
    deliver(booking)
    assert radicale.objects("other") == {}
    with pytest.raises(NoLongerWanted):
        deliver(booking)
    change(booking, status="CONFIRMED")
    deliver(booking)
    check_held(radicale, booking, "other")
    # A calendar whose password we no longer have is left as it is.
    Notary.objects.filter(pk=other.pk).update(calendar_kind="none")
    booking.refresh_from_db()
    deliver(booking)
    assert len(radicale.objects("other")) == 1


FAULTS = (
    "delay",
    "timeout_before_commit",
    "timeout_after_commit",
    "error_500",
    "error_500_after_commit",
    "error_429",
    "error_507",
    "reset",
    "reset_after_commit",
)


@pytest.mark.parametrize("action", FAULTS)
def test_whatever_goes_wrong_there_is_one_event_and_in_the_end_none(
    radicale: Radicale, booking: Booking, notary: Notary, action: str
) -> None:
    radicale.fault = (action, "PUT")
    errors = deliver_at_last(booking)
    assert len(errors) == (0 if action == "delay" else 1)
    check_held(radicale, booking)
    change(booking, status="CANCELLED")
    radicale.fault = (action, "DELETE")
    errors += deliver_at_last(booking)
    assert radicale.objects("work") == {}
    assert not any(error.permanent for error in errors)
    assert radicale.fault == ("", "")


def test_refusals_are_said_plainly_and_are_the_notarys_alone(
    radicale: Radicale, booking: Booking, notary: Notary, settings: Settings
) -> None:
    keep(notary, notary.calendar_id, "wrong")
    booking.refresh_from_db()
    with pytest.raises(ConnectorError, match="user and password are refused") as refused:
        deliver(booking)
    assert (refused.value.permanent, refused.value.are_credentials_refused) == (True, False)
    keep(notary, f"{radicale.door}/{USER}/nowhere/")
    booking.refresh_from_db()
    with pytest.raises(ConnectorError) as refused:
        deliver(booking)
    assert refused.value.permanent
    keep(notary, "http://127.0.0.1:1/x/")
    booking.refresh_from_db()
    with pytest.raises(ConnectorError, match="cannot be reached") as refused:
        deliver(booking)
    assert not refused.value.permanent
    settings.TOKEN_KEYS = "another:key"
    with pytest.raises(ConnectorError, match="a key we no longer have"):
        deliver(booking)


def at(days: int, hour: int = 9) -> datetime:
    day = timezone.now().astimezone(CHICAGO).date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, hour, tzinfo=CHICAGO)


def utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def lasting(starts_at: datetime, hours: int = 1) -> tuple[str, str]:
    return f"DTSTART:{utc(starts_at)}", f"DTEND:{utc(starts_at + timedelta(hours=hours))}"


def blocks() -> list[tuple[datetime, datetime]]:
    return sorted((one.period.lower, one.period.upper) for one in BusyBlock.objects.all())


def hours(starts_at: datetime, count: int = 1) -> tuple[datetime, datetime]:
    return starts_at, starts_at + timedelta(hours=count)


def test_private_events_take_time_until_they_are_gone(radicale: Radicale, notary: Notary) -> None:
    radicale.put("work/a.ics", *lasting(at(5)))
    radicale.put("work/b.ics", *lasting(at(5, 12)), "TRANSP:TRANSPARENT")
    radicale.put("work/c.ics", *lasting(at(5, 14)), "STATUS:CANCELLED")
    day = at(7, 0)
    radicale.put("work/d.ics", f"DTSTART;VALUE=DATE:{day:%Y%m%d}")
    radicale.put("work/e.ics", f"DTSTART:{at(9):%Y%m%dT%H%M%S}", "DURATION:PT30M")
    assert poll() == 3
    half_past = (at(9), at(9) + timedelta(minutes=30))
    assert blocks() == [hours(at(5)), (day, at(8, 0)), half_past]
    met = radicale.met
    assert poll() == 0
    # Unchanged: asked for its tag, and for nothing else.
    assert radicale.met == met + 1
    radicale.put("work/a.ics", *lasting(at(5, 10)))
    radicale.ask("DELETE", "work/d.ics")
    radicale.ask("DELETE", "work/e.ics")
    assert poll() == 3
    assert blocks() == [hours(at(5, 10))]
    Notary.objects.update(calendar_kind="none")
    assert poll() == 1
    assert blocks() == []


def test_a_recurring_event_keeps_its_wall_clock_and_its_exceptions(
    radicale: Radicale, notary: Notary
) -> None:
    radicale.put(
        "work/weekly.ics",
        "DTSTART;TZID=America/Chicago:20270301T090000",
        "DTEND;TZID=America/Chicago:20270301T100000",
        "RRULE:FREQ=WEEKLY",
        "EXDATE;TZID=America/Chicago:20270308T090000",
    )
    poll(datetime(2027, 3, 1, 6, tzinfo=UTC))
    first, second = blocks()[:2]
    assert first[0] == datetime(2027, 3, 1, 15, tzinfo=UTC)
    assert second[0] == datetime(2027, 3, 15, 14, tzinfo=UTC)
    # 200 days ahead, one of them left out.
    assert len(blocks()) == 28
    radicale.ask("DELETE", "work/weekly.ics")
    assert poll(datetime(2027, 3, 1, 7, tzinfo=UTC)) == 28


@pytest.mark.parametrize("did", ["moved", "deleted"])
def test_what_a_notary_does_to_our_event_is_a_case_and_is_not_obeyed(
    radicale: Radicale, booking: Booking, notary: Notary, did: str
) -> None:
    deliver(booking)
    assert poll() == 0
    ((name, text),) = radicale.objects("work").items()
    if did == "moved":
        calendar = Calendar.from_ical(text)
        (event,) = calendar.walk("VEVENT")
        assert isinstance(event, Event)
        event.start, event.end = (at + timedelta(hours=2) for at in (event.start, event.end))
        moved = calendar.to_ical().decode()
        radicale.ask("PUT", f"work/{name}", moved, **{"Content-Type": "text/calendar"})
    else:
        radicale.ask("DELETE", f"work/{name}")
    assert [one.what for one in reconciling.differences(now=timezone.now())] == [
        f"the event was {did} outside"
    ]
    assert poll() == 1
    case = cases().get()
    assert (case.kind, case.booking_id) == ("OUTSIDE_CHANGE", booking.pk)
    assert f"was {did}" in case.summary
    before = booking.starts_at
    booking.refresh_from_db()
    assert (booking.status, booking.starts_at) == ("CONFIRMED", before)
    assert blocks() == []
    deliver(booking)
    assert poll() == 0
    case.refresh_from_db()
    assert case.closed_at is not None
    assert list(reconciling.differences(now=timezone.now())) == []


def test_a_calendar_that_cannot_be_read_keeps_its_old_times_and_stops_no_other(
    radicale: Radicale, notary: Notary
) -> None:
    radicale.put("work/a.ics", *lasting(at(5)))
    poll()
    radicale.make("other")
    radicale.put("other/b.ics", *lasting(at(6)))
    keep(Notary(name="O", email="o@example.com", home_zip="77058"), f"{radicale.door}/{USER}/other")
    keep(notary, notary.calendar_id, "wrong")
    assert poll() == 1
    assert len(blocks()) == 2
    case = cases().get(closed_at=None)
    assert "refused" in case.summary
    keep(notary, notary.calendar_id)
    poll()
    assert not cases().filter(closed_at=None).exists()
    for action in ("garbage", "error_500", "timeout_before_commit"):
        CalendarFeed.objects.update(sync_token="")
        radicale.fault = (action, "REPORT")
        poll()
        assert len(blocks()) == 2
        assert CalendarFeed.objects.exclude(failing_since=None).count() == 1
    assert not cases().filter(closed_at=None).exists()


def test_a_password_sealed_with_an_older_key_is_sealed_anew_while_it_can(
    radicale: Radicale, notary: Notary, settings: Settings
) -> None:
    settings.TOKEN_KEYS = f"next:another-key,{settings.TOKEN_KEYS}"
    poll()
    settings.TOKEN_KEYS = "next:another-key"
    notary.refresh_from_db()
    assert not sealed.is_stale(notary.calendar_password_sealed)
    assert notary.calendar_password == PASSWORD


def read(*lines: str, zone: ZoneInfo = CHICAGO) -> list[Seen]:
    body = ["BEGIN:VCALENDAR", "BEGIN:VEVENT", "UID:x", *lines, "END:VEVENT", "END:VCALENDAR"]
    resource = client.Resource(name="x.ics", data="\r\n".join(body))
    window = {
        "starts_at": datetime(2027, 1, 1, tzinfo=UTC),
        "ends_at": datetime(2027, 12, 1, tzinfo=UTC),
    }
    return list(mapping.seen(resource=resource, zone=zone, **window))


def test_whole_days_are_as_long_as_they_are_in_the_calendars_zone() -> None:
    for day, length in (("20270314", 23), ("20271107", 25), ("20270601", 24)):
        (one,) = read(f"DTSTART;VALUE=DATE:{day}")
        assert one.ends_at - one.starts_at == timedelta(hours=length)
    (one,) = read("DTSTART:20270601T090000", "DTEND:20270601T100000", zone=ZoneInfo("Asia/Tokyo"))
    assert one.starts_at == datetime(2027, 6, 1, 0, tzinfo=UTC)


def test_a_calendars_own_zone_is_believed_and_nonsense_is_not() -> None:
    tokyo = (
        "BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID:Asia/Tokyo\r\nEND:VTIMEZONE\r\nEND:VCALENDAR"
    )
    assert mapping.zone_of(timezone=tokyo, default=CHICAGO).key == "Asia/Tokyo"
    for text in ("", "nonsense", tokyo.replace("Asia/Tokyo", "Mars/One")):
        assert mapping.zone_of(timezone=text, default=CHICAGO) is CHICAGO


@pytest.mark.parametrize(
    "lines",
    [
        ("DTSTART:yesterday",),
        ("SUMMARY:no time",),
        ("DTSTART:20270601T090000", "RRULE:FREQ=SECONDLY"),
    ],
)
def test_what_cannot_be_read_is_said_and_never_guessed(lines: tuple[str, ...]) -> None:
    with pytest.raises(mapping.NotACalendar):
        read(*lines)

"""A booking is one event in its present notary's Google calendar, whatever goes wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from bookings.models import Booking, BusyBlock, Notary
from integrations import calendars, refs
from integrations.calendars import event_id
from integrations.errors import ConnectorError, NoLongerWanted
from integrations.google_calendar import client, connector, polling
from integrations.google_calendar.tests.conftest import Outside
from integrations.invariants import INVARIANTS
from integrations.models import ExternalRef, OutboxJob
from integrations.states import Destination
from integrations.tests.cast import CUSTOMER, NAME, STREET, make_booking
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db

COMPANY = "bookings@sandbox.example"
MARIA = "maria.alvarez@sandbox.example"
JAMES = "james.whitfield@sandbox.example"


def deliver(booking: Booking) -> Any:
    return connector.deliver(OutboxJob(booking=booking), datetime.now(UTC))


def deliver_at_last(booking: Booking) -> list[ConnectorError]:
    """Try as the outbox does; give what went wrong before it went well."""
    errors = []
    for _ in range(4):
        try:
            deliver(booking)
        except ConnectorError as error:
            errors.append(error)
        else:
            return errors
    raise AssertionError([error.reason for error in errors])


def change(booking: Booking, **fields: Any) -> Booking:
    booking.version += 1
    for name, value in fields.items():
        setattr(booking, name, value)
    booking.save()
    return booking


def later(booking: Booking, **by: float) -> dict[str, Any]:
    return {
        "starts_at": booking.starts_at + timedelta(**by),
        "ends_at": booking.ends_at + timedelta(**by),
    }


def check_held(outside: Outside, booking: Booking, calendar: str = COMPANY) -> dict[str, Any]:
    """Assert that there is one live event, equal to the booking, and a reference that says so."""
    (event,) = outside.events()
    assert event["calendar"] == calendar
    assert datetime.fromisoformat(event["start"]["dateTime"]) == booking.starts_at
    assert datetime.fromisoformat(event["end"]["dateTime"]) == booking.ends_at
    assert event["extendedProperties"]["private"] == {
        "booking_id": str(booking.pk),
        "reference": booking.reference,
        "version": str(booking.version),
    }
    found = refs.find(booking_id=booking.pk, system=Destination.GOOGLE_CALENDAR)
    (ref,) = (one for one in found if one.container == calendar)
    assert (ref.external_id, ref.status, ref.version) == (
        event["id"],
        "confirmed",
        booking.version,
    )
    return event


def test_the_event_says_what_the_notary_needs_and_no_more(
    outside: Outside, booking: Booking
) -> None:
    change(booking, special_instructions="My husband must not know")
    receipt = deliver(booking)
    event = check_held(outside, booking)
    assert event["id"] == event_id(booking_id=booking.pk, container=COMPANY)
    assert receipt.external_id == event["id"]
    assert event["visibility"] == "private"
    assert STREET in event["location"]
    text = str(event)
    for part in (NAME, "+17135550199", booking.reference, "/admin/bookings/booking/"):
        assert part in text, part
    assert "husband" not in text
    assert CUSTOMER not in text


def test_it_follows_the_booking_through_its_life(outside: Outside, booking: Booking) -> None:
    assert booking.notary is not None
    deliver(booking)
    deliver(booking)
    check_held(outside, booking)
    deliver(change(booking, **later(booking, days=1)))
    check_held(outside, booking)

    Notary.objects.update(calendar_id=MARIA)
    booking.refresh_from_db()
    deliver(booking)
    check_held(outside, booking, MARIA)
    james = Notary.objects.create(
        name="James", email="j@example.com", home_zip="77058", calendar_id=JAMES
    )
    deliver(change(booking, notary=james))
    check_held(outside, booking, JAMES)

    deliver(change(booking, status="CANCELLED"))
    assert outside.events() == []
    with pytest.raises(NoLongerWanted):
        deliver(booking)
    # Late money can bring a booking back; the id it had is taken, so the event is revived.
    deliver(change(booking, status="CONFIRMED"))
    check_held(outside, booking, JAMES)
    deliver(change(booking, status="NO_SHOW"))
    assert check_held(outside, booking, JAMES)["summary"].startswith("No-show: ")
    assert len(outside.events(with_deleted=True)) == 3


def test_a_notary_without_a_google_calendar_gets_no_event(
    outside: Outside, booking: Booking
) -> None:
    deliver(booking)
    Notary.objects.update(calendar_kind="none")
    deliver(booking)
    assert outside.events() == []
    with pytest.raises(NoLongerWanted):
        deliver(booking)


FAULTS = (
    "delay",
    "timeout_before_commit",
    "timeout_after_commit",
    "error_500",
    "error_500_after_commit",
    "error_429",
    "reset",
    "reset_after_commit",
    "garbage",
)


@pytest.mark.parametrize("action", FAULTS)
def test_whatever_goes_wrong_while_it_is_made_there_is_one_event(
    outside: Outside, booking: Booking, action: str
) -> None:
    outside.fault(action, method="POST", path="/google/calendar/")
    errors = deliver_at_last(booking)
    assert len(errors) == (0 if action == "delay" else 1)
    assert not any(error.permanent or error.are_credentials_refused for error in errors)
    check_held(outside, booking)
    assert len(outside.events(with_deleted=True)) == 1


@pytest.mark.parametrize("action", FAULTS)
def test_whatever_goes_wrong_while_it_is_moved_and_cancelled_it_ends_right(
    outside: Outside, booking: Booking, action: str
) -> None:
    deliver(booking)
    change(booking, **later(booking, hours=3))
    outside.fault(action, method="PATCH")
    deliver_at_last(booking)
    check_held(outside, booking)
    change(booking, status="CANCELLED")
    outside.fault(action, method="DELETE")
    deliver_at_last(booking)
    assert outside.events() == []
    assert len(outside.events(with_deleted=True)) == 1


@pytest.mark.parametrize("action", ["timeout_before_commit", "error_500", "error_429", "garbage"])
def test_whatever_goes_wrong_while_signing_in_it_is_tried_again(
    outside: Outside, booking: Booking, action: str
) -> None:
    client._tokens.clear()
    outside.fault(action, path="/google/token")
    errors = deliver_at_last(booking)
    assert not any(error.permanent for error in errors)
    assert not any(error.is_outcome_unknown for error in errors)
    check_held(outside, booking)


@pytest.mark.parametrize("point", ["calendar.noted", "calendar.put", "calendar.removed"])
def test_cut_off_at_any_point_it_is_finished_by_doing_it_again(
    outside: Outside, booking: Booking, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    Notary.objects.update(calendar_id=JAMES)
    booking.refresh_from_db()
    deliver(booking)
    Notary.objects.update(calendar_id=MARIA)
    booking.refresh_from_db()

    def cut(name: str) -> None:
        if name == point:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(calendars, "crashpoint", cut)
        with pytest.raises(KeyboardInterrupt):
            deliver(booking)
    # What may or may not be there is neither a busy time nor anybody's doing.
    polling.poll(now=datetime.now(UTC))
    assert not BusyBlock.objects.exists()
    deliver(booking)
    check_held(outside, booking, MARIA)
    assert len(outside.events(with_deleted=True)) == 2


def test_a_quota_is_waited_for_and_a_dead_token_replaced(
    outside: Outside, booking: Booking
) -> None:
    outside.google("limit", times=1)
    (error,) = deliver_at_last(booking)
    assert (error.permanent, error.are_credentials_refused) == (False, False)
    outside.act("advance", seconds=4000)
    deliver(change(booking, **later(booking, hours=1)))
    check_held(outside, booking)


def test_a_calendar_that_is_not_shared_is_said_plainly(outside: Outside, booking: Booking) -> None:
    Notary.objects.update(calendar_id="secret@sandbox.example")
    with pytest.raises(ConnectorError, match="not shared with our service account") as refused:
        deliver(booking)
    assert refused.value.permanent
    outside.google("calendars", calendar="secret@sandbox.example", role="reader")
    with pytest.raises(ConnectorError, match="writer access") as refused:
        deliver(booking)
    assert refused.value.permanent


def test_a_refusing_old_calendar_does_not_keep_the_new_notary_from_knowing(
    outside: Outside, booking: Booking
) -> None:
    Notary.objects.update(calendar_id=JAMES)
    booking.refresh_from_db()
    deliver(booking)
    maria = Notary.objects.create(
        name="Maria", email="m@example.com", home_zip="77591", calendar_id=MARIA
    )
    outside.google("calendars", calendar=JAMES, role="reader")
    with pytest.raises(ConnectorError, match="writer access"):
        deliver(change(booking, notary=maria))
    assert {event["calendar"] for event in outside.events()} == {MARIA, JAMES}
    outside.google("calendars", calendar=JAMES, role="writer")
    deliver(booking)
    check_held(outside, booking, MARIA)


def test_an_id_that_is_burnt_gives_way_to_the_next_one(
    outside: Outside, booking: Booking, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = event_id(booking_id=booking.pk, container=COMPANY)
    deliver(booking)
    outside.google("events/delete", calendar=COMPANY, id=first)
    ask = client.call

    def patch_finds_nothing(method: str, path: str, **extra: Any) -> Any:
        """A Google that does not let a deleted event be revived."""
        if method == "PATCH" and path.endswith(first):
            return None
        return ask(method, path, **extra)

    monkeypatch.setattr(client, "call", patch_finds_nothing)
    deliver(booking)
    event = check_held(outside, booking)
    assert event["id"] == event_id(booking_id=booking.pk, container=COMPANY, generation=1)


@pytest.mark.parametrize("content", [None, "", "{}", '{"type": "service_account"}'])
def test_a_key_that_cannot_be_read_stops_the_destination(
    booking: Booking, settings: Settings, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "key.json"
    if content is not None:
        file.write_text(content)
    settings.GOOGLE_SERVICE_ACCOUNT_FILE = str(file)
    with pytest.raises(ConnectorError, match="names no readable key") as refused:
        deliver(booking)
    assert refused.value.are_credentials_refused


def test_a_key_google_does_not_know_stops_the_destination(
    outside: Outside, booking: Booking, settings: Settings, tmp_path: Path
) -> None:
    text = Path(settings.GOOGLE_SERVICE_ACCOUNT_FILE).read_text()
    file = tmp_path / "key.json"
    file.write_text(text.replace("hmnp-bookings@", "stranger@"))
    settings.GOOGLE_SERVICE_ACCOUNT_FILE = str(file)
    with pytest.raises(ConnectorError, match="gave no token") as refused:
        deliver(booking)
    assert refused.value.are_credentials_refused
    settings.GOOGLE_CALENDAR_ID = ""
    with pytest.raises(ConnectorError, match="GOOGLE_CALENDAR_ID is not set"):
        deliver(booking)


def test_the_hour_that_comes_twice_and_the_one_that_is_skipped_keep_their_instants(
    outside: Outside, catalogue: Catalogue
) -> None:
    for starts_at in (
        datetime(2027, 11, 7, 6, 30, tzinfo=UTC),
        datetime(2027, 11, 7, 7, 30, tzinfo=UTC),
        datetime(2027, 3, 14, 8, 0, tzinfo=UTC),
    ):
        outside.act("reset")
        booking = make_booking(catalogue.standard, starts_at=starts_at)
        deliver(booking)
        event = check_held(outside, booking)
        assert event["start"]["timeZone"] == "America/Chicago"


def violations() -> list[tuple[str, str]]:
    (rule,) = (one for one in INVARIANTS if one.name == "one-event-a-booking")
    with connection.cursor() as cursor:
        cursor.execute(rule.sql)
        found: list[tuple[str, str]] = cursor.fetchall()
    return found


def test_the_invariant_sees_a_second_event_and_one_that_is_left_over(
    outside: Outside, booking: Booking
) -> None:
    deliver(booking)
    assert violations() == []
    ref = ExternalRef.objects.get(booking=booking)
    ref.pk, ref.container, ref.external_id = None, "elsewhere", "0123456789"
    ref.save()
    assert violations() == [(booking.reference, "is CONFIRMED, and 2 calendars hold it")]
    ref.delete()
    change(booking, status="CANCELLED")
    assert violations() == [(booking.reference, "is CANCELLED, and 1 calendars hold it")]
    deliver(booking)
    assert violations() == []

"""A notary's calendar: busy times in, the feed out, the password kept, the admin's form."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from auditlog.models import LogEntry
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from icalendar import Calendar
from pytest_django import Settings

from bookings import slots
from bookings.actions.cancel_booking import cancel_booking
from bookings.actions.import_busy import Busy, forget_busy, import_busy
from bookings.errors import SlotTaken
from bookings.models import Booking, BusyBlock, Notary
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
from hmnp.accounts.tests.desk_door import open_desk
from hmnp.core import sealed
from hmnp.core.logs import _keep_allowed
from hmnp.core.times import local_date

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("catalogue")]
SOURCE = "google_calendar:abc"


def cases() -> Any:
    """Give the desk's cases; the desk is above us."""
    return apps.get_model("desk", "Case")._default_manager


def busy(name: str, *, hours: float = 0, length: float = 1) -> Busy:
    """A busy time so many hours after Tuesday at ten."""
    starts_at = TUESDAY_10 + timedelta(hours=hours)
    return Busy(external_id=name, starts_at=starts_at, ends_at=starts_at + timedelta(hours=length))


def take(notary: Notary, *busy_times: Busy, **kwargs: Any) -> int:
    values = {"gone": (), "is_everything": False, **kwargs}
    return import_busy(notary_id=notary.pk, source=SOURCE, busy=busy_times, **values)


def starts() -> list[Any]:
    asked = wanted()
    day = local_date(TUESDAY_10, zone=asked.service.timezone)
    free = slots.free_slots(service=asked.service, zip_code="77573", first_day=day, days=1, now=NOW)
    return [slot.starts_at for slot in free]


def test_busy_times_are_not_offered_and_come_back_when_they_are_gone() -> None:
    notary = a_notary()
    assert TUESDAY_10 in starts()
    assert take(notary, busy("dentist")) == 1
    assert take(notary, busy("dentist")) == 0
    assert TUESDAY_10 not in starts()
    with pytest.raises(SlotTaken):
        hold()
    take(notary, busy("dentist", hours=6))
    assert TUESDAY_10 in starts()
    take(notary, busy("a", hours=8), busy("nothing", length=0))
    assert sorted(BusyBlock.objects.values_list("external_id", flat=True)) == ["a", "dentist"]
    take(notary, gone=["dentist", "unknown"])
    take(notary, busy("b", hours=9), is_everything=True)
    assert list(BusyBlock.objects.values_list("external_id", flat=True)) == ["b"]
    BusyBlock.objects.create(
        notary=notary,
        source="by hand",
        external_id="1",
        period=(TUESDAY_10, TUESDAY_10 + HALF_HOUR),
    )
    assert forget_busy(notary_id=notary.pk, prefix="google_calendar:", but=SOURCE) == 0
    assert forget_busy(notary_id=notary.pk, prefix="google_calendar:") == 1
    assert list(BusyBlock.objects.values_list("source", flat=True)) == ["by hand"]


@time_machine.travel(NOW, tick=True)
def test_a_busy_time_over_an_appointment_is_a_case_and_moves_nothing() -> None:
    notary = a_notary()
    booking = book(actor=STAFF)
    take(notary, busy("lunch", hours=2))
    assert not cases().exists()
    take(notary, busy("lunch"))
    case = cases().get()
    assert (case.kind, case.booking_id, case.closed_at) == ("CALENDAR_CLASH", booking.pk, None)
    booking.refresh_from_db()
    assert (booking.status, booking.starts_at) == ("CONFIRMED", TUESDAY_10)
    # Told once: what a person has closed is not opened again by the same event.
    cases().update(closed_at=NOW)
    take(notary, busy("lunch"), is_everything=True)
    assert cases().count() == 1
    take(notary, busy("lunch", hours=0.5))
    assert cases().filter(closed_at=None).count() == 1
    take(notary, gone=["lunch"])
    assert cases().filter(closed_at=None).count() == 0


def feed(notary: Notary, client: Client | None = None, **headers: str) -> Any:
    path = reverse("notary-feed", args=[notary.feed_secret])
    return (client or Client()).get(path, headers=headers)


@time_machine.travel(NOW, tick=False)
def test_the_feed_shows_what_the_work_needs_and_no_more() -> None:
    notary, other = a_notary(), a_notary(is_active=True, skills=[])
    who = customer(special_instructions="My husband must not know")
    booking = book(actor=STAFF, who=who)
    answer = feed(notary)
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    (event,) = Calendar.from_ical(answer.content).walk("VEVENT")
    assert event["UID"] == f"{booking.id}@booking.hmnp"
    assert event.decoded("DTSTART") == TUESDAY_10
    text = str(event["SUMMARY"]) + str(event["DESCRIPTION"]) + str(event["LOCATION"])
    for part in ("Ada Customer", "+17135550123", "1 Main St", booking.reference, "/admin/"):
        assert part in text, part
    assert booking.customer_email not in answer.content.decode()
    assert "husband" not in answer.content.decode()
    assert "VEVENT" not in feed(other).content.decode()

    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        unchanged = feed(notary, **{"If-None-Match": answer["ETag"]})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        cancel_booking(booking_id=booking.pk, actor=STAFF, now=NOW, reason="", by_us=True)
        changed = feed(notary, **{"If-None-Match": answer["ETag"]})
        assert (changed.status_code, b"VEVENT" in changed.content) == (200, False)


def test_a_wrong_secret_and_an_inactive_notary_have_no_feed(client: Client) -> None:
    notary = a_notary()
    assert client.get("/calendar/nobody.ics").status_code == 404
    assert client.post(reverse("notary-feed", args=[notary.feed_secret])).status_code == 405
    Notary.objects.update(is_active=False)
    assert feed(notary).status_code == 404
    line = _keep_allowed(None, "", {"request": f"GET /calendar/{notary.feed_secret}.ics?a=1"})
    assert line == {"request": "GET /calendar/…"}


def test_a_sealed_secret_opens_for_its_purpose_and_its_key_only(settings: Settings) -> None:
    text = sealed.seal("hunter2", purpose="one")
    assert "hunter2" not in text
    assert sealed.unseal(text, purpose="one") == "hunter2"
    with pytest.raises(sealed.Unreadable):
        sealed.unseal(text, purpose="two")
    assert not sealed.is_stale(text)
    settings.TOKEN_KEYS = f"next:another-key,{settings.TOKEN_KEYS}"
    assert sealed.unseal(text, purpose="one") == "hunter2"
    assert sealed.is_stale(text)
    settings.TOKEN_KEYS = "next:another-key"
    with pytest.raises(sealed.Unreadable):
        sealed.unseal(text, purpose="one")
    assert sealed.seal("", purpose="one") == sealed.unseal("", purpose="one") == ""


@pytest.fixture
def desk() -> Client:
    client = Client()
    open_desk(client, User.objects.create_superuser("desk"))
    return client


def save(desk: Client, notary: Notary, **fields: str) -> Any:
    path = reverse("admin:bookings_notary_change", args=[notary.pk])
    groups = {
        f"{name}-{part}_FORMS": "0"
        for name in ("hours", "days_off")
        for part in ("TOTAL", "INITIAL")
    }
    values = {
        "name": notary.name,
        "email": notary.email,
        "home_zip": notary.home_zip,
        "languages": "en",
        "daily_capacity": "8",
        "is_active": "on",
        "calendar_kind": "caldav",
        "calendar_id": "https://dav.example.com/nora/jobs/",
        "calendar_user": "nora",
        **groups,
        **fields,
    }
    answer = desk.post(path, values)
    notary.refresh_from_db()
    return answer


def test_the_password_is_kept_sealed_and_never_shown_again(desk: Client) -> None:
    notary = a_notary()
    assert b"Give the password" in save(desk, notary).content
    assert save(desk, notary, calendar_password="hunter2 ").status_code == 302
    assert notary.calendar_password == "hunter2 "
    assert "hunter2" not in notary.calendar_password_sealed
    page = desk.get(reverse("admin:bookings_notary_change", args=[notary.pk])).content.decode()
    assert "hunter2" not in page
    assert notary.calendar_password_sealed not in page
    assert notary.feed_secret in page
    logged = "".join(str(entry.changes) for entry in LogEntry.objects.all())
    assert "calendar_kind" in logged
    assert notary.calendar_password_sealed not in logged
    assert notary.feed_secret not in logged

    assert save(desk, notary, name="Nora").status_code == 302
    assert notary.calendar_password == "hunter2 "
    elsewhere = "https://evil.example.com/nora/"
    assert b"Give the password" in save(desk, notary, calendar_id=elsewhere).content
    save(desk, notary, calendar_kind="google", calendar_id="", calendar_user="")
    assert (notary.calendar_kind, notary.calendar_password_sealed) == ("google", "")


@pytest.mark.parametrize(
    "address",
    ["", "http://dav.example.com/x/", "ftp://a/", "https://u:p@dav.example.com/", "http://["],
)
def test_a_caldav_address_must_be_fit_to_be_asked(desk: Client, address: str) -> None:
    notary = a_notary()
    answer = save(desk, notary, calendar_id=address, calendar_password="x")
    assert answer.status_code == 200
    assert notary.calendar_kind == "google"


def test_staff_renew_a_feed_and_the_old_address_is_over(desk: Client) -> None:
    notary = a_notary()
    old = reverse("notary-feed", args=[notary.feed_secret])
    desk.post(
        reverse("admin:bookings_notary_changelist"),
        {"action": "renew_feed", "_selected_action": [str(notary.pk)]},
    )
    notary.refresh_from_db()
    assert Client().get(old).status_code == 404
    assert feed(notary).status_code == 200


def test_a_no_show_stays_in_the_feed_and_says_so() -> None:
    notary = a_notary()
    with time_machine.travel(NOW, tick=False):
        booking = book(actor=STAFF)
        Booking.objects.filter(pk=booking.pk).update(status="NO_SHOW")
        assert "No-show: " in feed(notary).content.decode()

"""From the fact to Google's calendar: the jobs are written with the fact, and do what it needs."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from bookings.actions.assign_notary import assign_notary
from bookings.actions.cancel_booking import cancel_booking
from bookings.tests.factories import NOW, STAFF, a_notary, book
from hmnp.accounts.tests.desk_door import open_desk
from integrations import delivery
from integrations.google_calendar.tests.conftest import Outside
from integrations.models import OutboxJob
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db
MARIA = "maria.alvarez@sandbox.example"
JAMES = "james.whitfield@sandbox.example"


def work() -> list[str]:
    """Do the calendars' jobs that are due, and give what became of them."""
    jobs = OutboxJob.objects.filter(state="READY", destination__in=["google_calendar", "caldav"])
    done = []
    for job in jobs.order_by("created_at"):
        delivery.attempt(job_id=job.pk)
        job.refresh_from_db()
        done.append(job.state)
    return done


def where(outside: Outside) -> list[str]:
    return [event["calendar"] for event in outside.events()]


def test_a_booking_goes_where_its_notary_looks(outside: Outside, catalogue: Catalogue) -> None:
    maria, james = a_notary(calendar_id=MARIA), a_notary(calendar_id=JAMES)
    booking = book(actor=STAFF)
    assert booking.notary == maria
    assert work() == ["SUCCEEDED"]
    assert where(outside) == [MARIA]
    event = booking.timeline.get(action="integration_synced")
    assert event.metadata == {"destination": "google_calendar", "event": "written"}
    assign_notary(booking_id=booking.pk, notary_id=james.pk, actor=STAFF, now=NOW)
    assert work() == ["SUCCEEDED"]
    assert where(outside) == [JAMES]
    cancel_booking(booking_id=booking.pk, actor=STAFF, now=NOW, reason="", by_us=True)
    assert work() == ["SUCCEEDED"]
    assert where(outside) == []


def test_a_notary_who_keeps_another_calendar_finds_what_is_to_come_there(
    outside: Outside, catalogue: Catalogue
) -> None:
    maria = a_notary(calendar_id=MARIA)
    book(actor=STAFF)
    work()
    desk = Client()
    open_desk(desk, User.objects.create_superuser("desk"))

    def save(**fields: Any) -> None:
        values: dict[str, Any] = {
            "name": maria.name,
            "email": maria.email,
            "home_zip": "77591",
            "languages": "en",
            "daily_capacity": "8",
            "is_active": "on",
            "skills": [str(pk) for pk in maria.skills.values_list("pk", flat=True)],
            "calendar_kind": "google",
            "calendar_id": JAMES,
        }
        values |= {
            f"{name}-{part}_FORMS": "0"
            for name in ("hours", "days_off")
            for part in ("TOTAL", "INITIAL")
        }
        answer = desk.post(
            reverse("admin:bookings_notary_change", args=[maria.pk]), {**values, **fields}
        )
        assert answer.status_code == 302

    save()
    assert work() == ["SUCCEEDED"]
    assert where(outside) == [JAMES]
    save(name="Another Name")
    assert work() == []
    save(calendar_kind="none", calendar_id="")
    assert work() == ["SUCCEEDED"]
    assert where(outside) == []

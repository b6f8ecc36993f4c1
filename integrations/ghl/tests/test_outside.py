"""What people do in the CRM: the booking follows, or a person is told and the CRM is put back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from bookings.actions.cancel_booking import cancel_booking
from bookings.actions.update_booking import BookingChanges, update_booking
from bookings.models import Booking, TimelineEvent
from bookings.tests.factories import CUSTOMER
from integrations import inbox, processing, reconciliation
from integrations.ghl import polling
from integrations.ghl.reconciling import differences
from integrations.ghl.tests.driving import (
    Crm,
    attempt,
    cases,
    confirmed,
    job_of,
    settle,
    start_of_work,
)
from integrations.models import InboxEvent

pytestmark = pytest.mark.django_db


def change(crm: Crm, booking: Booking, **fields: Any) -> None:
    """Change a booking's appointment at the CRM's screen."""
    crm.post(f"/ghl/appointments/{crm.appointment(booking)['id']}", fields)


def moved_to(start: datetime) -> dict[str, str]:
    return {"startTime": start.isoformat(), "endTime": (start + timedelta(hours=1)).isoformat()}


_AT_NIGHT = moved_to(start_of_work(days=5, hour=3))


def agree(crm: Crm, booking: Booking) -> None:
    """Assert that booking and CRM say the same, and that all that is still told is our echo."""
    settle(booking)
    booking.refresh_from_db()
    there = crm.appointment(booking)
    expected = "cancelled" if booking.status == "CANCELLED" else "confirmed"
    assert there["appointmentStatus"] == expected
    assert (
        datetime.fromisoformat(there["startTime"]) == booking.starts_at or expected != "confirmed"
    )
    version = booking.version
    assert {event.state for event in crm.hear()} <= {"DONE", "IGNORED"}
    booking.refresh_from_db()
    assert booking.version == version


@pytest.fixture
def known(told: Crm, booking: Booking) -> Booking:
    """A booking that the CRM shows, with nothing left to tell."""
    settle(booking)
    assert {event.state for event in told.hear()} == {"DONE", "IGNORED"}
    return booking


@pytest.mark.parametrize(
    ("user", "kept_cents", "by"),
    [
        ("", 1500, ("provider", "ghl")),
        ("user_sandbox", 1500, ("provider", "ghl")),
        ("user_frontdesk", 0, ("admin", "ghl:user_frontdesk")),
    ],
)
def test_a_cancellation_there_cancels_here_by_the_policy_of_who_did_it(
    told: Crm, known: Booking, user: str, kept_cents: int, by: tuple[str, str]
) -> None:
    soon = timezone.now() + timedelta(hours=5)
    Booking.objects.filter(pk=known.pk).update(tier_starts_at=soon)
    change(told, known, appointmentStatus="cancelled", user=user)
    told.hear()
    known.refresh_from_db()
    assert (known.status, known.cancel_kept_cents) == ("CANCELLED", kept_cents)
    told_by = TimelineEvent.objects.get(booking=known, action="cancelled")
    assert (told_by.actor_type, told_by.actor_id) == by
    agree(told, known)
    assert told.opportunity(known)["status"] == "lost"
    assert cases() == []


@pytest.mark.parametrize("by_poll", [False, True])
def test_a_move_there_moves_here(told: Crm, known: Booking, by_poll: bool) -> None:
    start = start_of_work(days=5, hour=14)
    change(told, known, **moved_to(start))
    if by_poll:
        assert polling.poll(now=timezone.now()) == 1
    else:
        told.hear()
    known.refresh_from_db()
    assert known.starts_at == start
    agree(told, known)
    assert cases() == []
    assert polling.poll(now=timezone.now()) == 0


def test_the_tag_of_staff_makes_one_change_ours(told: Crm, known: Booking) -> None:
    soon = timezone.now() + timedelta(hours=5)
    Booking.objects.filter(pk=known.pk).update(tier_starts_at=soon)
    contact = told.contact()
    told.post(f"/ghl/contacts/{contact['id']}", {"tags": [*contact["tags"], "by:hmnp"]})
    change(told, known, appointmentStatus="cancelled")
    told.hear()
    known.refresh_from_db()
    assert (known.status, known.cancel_kept_cents) == ("CANCELLED", 0)
    assert "by:hmnp" not in told.contact()["tags"]


@pytest.mark.parametrize(
    ("heard_by", "fields", "why"),
    [
        ("webhook", {"appointmentStatus": "noshow"}, "only a person can decide that"),
        ("poll", _AT_NIGHT, "This service is not offered at that time."),
        ("sync", _AT_NIGHT, "This service is not offered at that time."),
    ],
)
def test_what_the_booking_cannot_follow_is_put_back_and_told_to_a_person(
    told: Crm, known: Booking, fields: dict[str, str], why: str, heard_by: str
) -> None:
    starts_at = known.starts_at
    change(told, known, **fields)
    if heard_by == "webhook":
        told.hear()
    elif heard_by == "poll":
        polling.poll(now=timezone.now())
    else:
        details = {"special_instructions": "Ring twice."}
        update_booking(
            booking_id=known.pk,
            changes=BookingChanges(details=details),
            actor=CUSTOMER,
            now=timezone.now(),
        )
    agree(told, known)
    assert (known.status, known.starts_at) == ("CONFIRMED", starts_at)
    (case,) = cases()
    assert why in case
    assert known.reference in case


def test_what_insists_in_the_crm_is_put_back_every_ten_minutes_not_every_second(
    told: Crm, known: Booking
) -> None:
    for _ in range(2):
        change(told, known, appointmentStatus="showed")
        told.hear()
        settle(known)
    assert told.appointment(known)["appointmentStatus"] == "showed"
    polling.poll(now=timezone.now() + timedelta(minutes=11))
    agree(told, known)
    assert len(cases()) == 1


def test_a_taken_time_is_not_taken_twice(told: Crm, known: Booking) -> None:
    other = confirmed(starts_at=start_of_work(days=6), email="other@example.com")
    change(told, known, **moved_to(other.starts_at))
    told.hear()
    agree(told, known)
    assert "could not follow" in cases()[0]


@pytest.mark.parametrize("ours_first", [True, False])
def test_when_both_change_it_the_booking_stands(
    told: Crm, known: Booking, ours_first: bool
) -> None:
    there = moved_to(start_of_work(days=6, hour=15))

    def here() -> None:
        cancel_booking(booking_id=known.pk, reason="", actor=CUSTOMER, now=timezone.now())

    for step in (here, lambda: change(told, known, **there))[:: 1 if ours_first else -1]:
        step()
    told.hear()
    agree(told, known)
    assert known.status == "CANCELLED"
    assert "both were changed" in cases()[0]


def test_events_in_any_order_and_twice_come_to_the_same(told: Crm, known: Booking) -> None:
    start = start_of_work(days=5, hour=14)
    change(told, known, **moved_to(start_of_work(days=6)))
    change(told, known, **moved_to(start))
    told.post("/webhooks", {"duplicate": 2, "shuffle": True})
    told.hear()
    known.refresh_from_db()
    assert known.starts_at == start
    assert TimelineEvent.objects.filter(booking=known, action="rescheduled").count() == 1
    agree(told, known)


@pytest.mark.parametrize("by_poll", [False, True])
def test_a_deletion_is_no_cancellation(told: Crm, known: Booking, by_poll: bool) -> None:
    gone = told.appointment(known)["id"]
    told.web.delete(f"/_sandbox/ghl/appointments/{gone}").raise_for_status()
    if by_poll:
        assert polling.poll(now=timezone.now()) == 1
    else:
        told.hear()
    agree(told, known)
    assert known.status == "CONFIRMED"
    assert told.appointment(known)["id"] != gone
    assert "was deleted in the CRM and made anew" in cases()[0]


def test_another_address_in_the_crm_is_told_to_a_person_and_overwrites_nothing(
    told: Crm, known: Booking
) -> None:
    contact = told.contact()
    told.post(f"/ghl/contacts/{contact['id']}", {"phone": "+17135550666", "firstName": "Adah"})
    told.hear()
    (case,) = cases()
    assert case.startswith(
        f"The CRM has another phone number for the customer of {known.reference}"
    )
    assert "0666" not in case
    known.refresh_from_db()
    assert str(known.customer_phone) == contact["phone"]
    assert told.contact()["phone"] == "+17135550666"
    told.post(f"/ghl/contacts/{contact['id']}", {"phone": "(713) 555-0123"})
    told.hear()
    assert cases() == []


def test_our_own_echo_waits_for_our_own_note(told: Crm, booking: Booking) -> None:
    told.fault("reset_after_commit", method="POST", path="/ghl/calendars/events/appointments")
    assert attempt(job_of(booking)).state == "READY"
    early = [event for event in told.hear() if event.type == "AppointmentCreate"]
    assert [event.state for event in early] == ["PARKED"]
    settle(booking)
    _again(early[0])
    assert InboxEvent.objects.get(pk=early[0].pk).state == "DONE"
    assert cases() == []


def _again(event: InboxEvent, *, after: timedelta = timedelta()) -> None:
    """Process a parked event again, as if it had come `after` earlier."""
    InboxEvent.objects.filter(pk=event.pk).update(
        run_at=timezone.now() - timedelta(seconds=1), received_at=timezone.now() - after
    )
    processing.process(inbox_id=event.pk)


def test_an_appointment_booked_there_is_parked_then_told_to_a_person(
    told: Crm, known: Booking
) -> None:
    start = start_of_work(days=8).isoformat()
    body = {"contactId": told.contact()["id"], "startTime": start, "title": "Walk-in"}
    made = told.post("/ghl/appointments", body | {"user": "user_sandbox"})
    (event,) = told.hear()
    assert event.state == "PARKED"
    assert cases() == []
    _again(event, after=timedelta(minutes=11))
    assert InboxEvent.objects.get(pk=event.pk).state == "DONE"
    assert "Somebody booked in the CRM" in cases()[0]
    found = list(differences(now=timezone.now() + timedelta(minutes=11)))
    assert [each.external_id for each in found] == [made["id"]]
    reconciliation.repair(difference=found[0])
    assert polling.poll(now=timezone.now() + timedelta(minutes=11)) == 1
    assert len(cases()) == 1


def test_reconciling_finds_what_differs_and_a_sync_puts_it_right(told: Crm, known: Booking) -> None:
    later = timezone.now() + timedelta(minutes=11)
    assert list(differences(now=later)) == []
    told.web.delete(f"/_sandbox/ghl/appointments/{told.appointment(known)['id']}")
    other = confirmed(starts_at=start_of_work(days=6), email="other@example.com")
    assert [each.what for each in differences(now=later)] == ["no appointment"]
    settle(other)
    gone = told.opportunity(other)["id"]
    headers = {"Authorization": "Bearer pit-sandbox", "Version": "2021-07-28"}
    told.web.delete(f"/ghl/opportunities/{gone}", headers=headers).raise_for_status()
    found = {(each.booking_id, each.what) for each in differences(now=later)}
    assert found == {(known.pk, "no appointment"), (other.pk, "no opportunity")}


def test_events_of_another_location_or_about_sales_change_nothing(
    told: Crm, known: Booking
) -> None:
    told.post(f"/ghl/opportunities/{told.opportunity(known)['id']}", {"status": "abandoned"})
    assert {event.state for event in told.hear()} == {"IGNORED"}
    event = InboxEvent.objects.filter(type="AppointmentCreate").latest("received_at")
    body = bytes(event.body).replace(b"loc_sandbox", b"loc_another")
    InboxEvent.objects.filter(pk=event.pk).update(
        body=body, state="RECEIVED", run_at=timezone.now()
    )
    processing.process(inbox_id=event.pk)
    assert InboxEvent.objects.get(pk=event.pk).state == "IGNORED"
    assert inbox.due() == []

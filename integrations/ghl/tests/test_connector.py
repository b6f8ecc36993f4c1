"""The CRM holds one contact, opportunity and appointment for a booking, as it is now."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from bookings.actions.assign_notary import assign_notary
from bookings.actions.cancel_booking import cancel_booking
from bookings.actions.complete_booking import complete_booking
from bookings.actions.mark_no_show import mark_no_show
from bookings.actions.start_booking import start_booking
from bookings.actions.update_booking import BookingChanges, update_booking
from bookings.models import Booking
from bookings.tests.factories import CUSTOMER, STAFF, a_notary
from integrations.ghl import client, connector, polling
from integrations.ghl.reconciling import differences
from integrations.ghl.tests.driving import (
    CRM,
    Crm,
    attempt,
    cases,
    confirmed,
    job_of,
    settle,
    start_of_work,
)
from integrations.models import DestinationState, ExternalRef, OutboxJob

pytestmark = pytest.mark.django_db

STAGES = {
    "CONFIRMED": "stage_booked",
    "IN_PROGRESS": "stage_started",
    "COMPLETED": "stage_done",
    "NO_SHOW": "stage_missed",
    "CANCELLED": "stage_cancelled",
}
SHOWN = {
    "CONFIRMED": ("confirmed", "open"),
    "IN_PROGRESS": ("confirmed", "open"),
    "COMPLETED": ("showed", "won"),
    "NO_SHOW": ("noshow", "lost"),
    "CANCELLED": ("cancelled", "lost"),
}


def check(crm: Crm, booking: Booking) -> None:
    """Assert that the CRM shows exactly one of each, and the booking as it is now."""
    booking.refresh_from_db()
    contact, opportunity = crm.contact(), crm.opportunity(booking)
    appointment = crm.appointment(booking)
    assert contact["email"] == booking.customer_email
    assert contact["phone"] == str(booking.customer_phone)
    assert opportunity["contactId"] == appointment["contactId"] == contact["id"]
    assert opportunity["pipelineStageId"] == STAGES[booking.status]
    assert opportunity["monetaryValue"] == booking.price_cents / 100
    assert (appointment["appointmentStatus"], opportunity["status"]) == SHOWN[booking.status]
    assert datetime.fromisoformat(appointment["startTime"]) == booking.starts_at
    assert datetime.fromisoformat(appointment["endTime"]) == booking.ends_at
    assert {"source:website_booking", f"service:{booking.service.slug}"} <= set(contact["tags"])
    status = [tag for tag in contact["tags"] if tag.startswith("status:")]
    assert status == [f"status:booking_{booking.status.lower()}"]
    refs = {ref.kind: ref for ref in ExternalRef.objects.filter(booking=booking, system=CRM.value)}
    assert refs["appointment"].external_id == appointment["id"]
    assert refs["opportunity"].external_id == opportunity["id"]
    assert refs["contact"].external_id == contact["id"]
    assert refs["appointment"].version == booking.version
    assert refs["appointment"].status == appointment["appointmentStatus"]


def _move(booking: Booking, *, days: int = 4) -> None:
    changes = BookingChanges(starts_at=start_of_work(days=days))
    update_booking(booking_id=booking.pk, changes=changes, actor=CUSTOMER, now=timezone.now())


def _cancel(booking: Booking) -> None:
    cancel_booking(booking_id=booking.pk, reason="", actor=CUSTOMER, now=timezone.now())


def _begin(booking: Booking) -> None:
    start_booking(booking_id=booking.pk, actor=STAFF, now=booking.starts_at)


def _complete(booking: Booking) -> None:
    _begin(booking)
    complete_booking(booking_id=booking.pk, actor=STAFF, now=booking.ends_at)


def _miss(booking: Booking) -> None:
    mark_no_show(booking_id=booking.pk, actor=STAFF, now=booking.ends_at)


def _assign(booking: Booking) -> None:
    other = a_notary()
    assign_notary(booking_id=booking.pk, notary_id=other.pk, actor=STAFF, now=timezone.now())


def _rename(booking: Booking) -> None:
    changes = BookingChanges(
        details={"customer_email": "new@example.com", "customer_phone": "+17135550177"}
    )
    update_booking(booking_id=booking.pk, changes=changes, actor=CUSTOMER, now=timezone.now())


@pytest.mark.parametrize(
    "change", [None, _move, _cancel, _begin, _complete, _miss, _assign, _rename]
)
def test_the_crm_shows_a_booking_and_whatever_becomes_of_it(
    crm: Crm, booking: Booking, change: Callable[[Booking], None] | None
) -> None:
    assert settle(booking).state == "SUCCEEDED"
    check(crm, booking)
    made = crm.appointment(booking)
    assert made["toNotify"] is False
    assert made["address"].startswith("1 Main St, League City, TX")
    if change is None:
        return
    change(booking)
    assert settle(booking).state == "SUCCEEDED"
    check(crm, booking)
    assert crm.appointment(booking)["id"] == made["id"]
    if change is _assign:
        assert booking.notary is not None
        assert booking.notary.name in crm.appointment(booking)["description"]


def test_the_newest_version_wins_in_whatever_order_the_jobs_are_done(
    crm: Crm, booking: Booking
) -> None:
    first = job_of(booking)
    _move(booking, days=5)
    second = job_of(booking)
    _cancel(booking)
    assert attempt(second).state in ("SUPERSEDED", "READY")
    assert settle(booking).state == "SUCCEEDED"
    assert attempt(first).state == "SUPERSEDED"
    # Cancelled before the CRM ever heard of it: there is nothing to show.
    assert crm.all("appointments") == crm.all("opportunities") == []


def test_an_older_attempt_that_is_still_running_writes_the_newest_state(
    crm: Crm, booking: Booking
) -> None:
    settle(booking)
    _move(booking, days=5)
    stale = job_of(booking)
    _cancel(booking)
    connector.deliver(stale, timezone.now())
    check(crm, booking)
    assert settle(booking).state == "SUCCEEDED"
    check(crm, booking)


def test_a_customer_has_one_contact_and_the_tag_of_the_next_appointment(
    crm: Crm, booking: Booking
) -> None:
    other = confirmed(starts_at=start_of_work(days=6), slug="loan-signing")
    settle(booking)
    settle(other)
    check(crm, booking)
    _cancel(other)
    settle(other)
    check(crm, booking)
    assert crm.appointment(other)["appointmentStatus"] == "cancelled"
    assert "service:loan-signing" in crm.contact()["tags"]


def test_a_customer_the_crm_knew_before_keeps_their_tags(crm: Crm, booking: Booking) -> None:
    headers = {"Authorization": "Bearer pit-sandbox", "Version": "2021-07-28"}
    body = {"locationId": "loc_sandbox", "email": booking.customer_email, "tags": ["vip"]}
    crm.web.post("/ghl/contacts/upsert", json=body, headers=headers).raise_for_status()
    settle(booking)
    check(crm, booking)
    assert "vip" in crm.contact()["tags"]


def test_what_staff_correct_in_the_crm_is_not_overwritten_until_it_changes_here(
    crm: Crm, booking: Booking
) -> None:
    settle(booking)
    crm.post(f"/ghl/contacts/{crm.contact()['id']}", {"firstName": "Adah"})
    crm.post(f"/ghl/opportunities/{crm.opportunity(booking)['id']}", {"monetaryValue": 1})
    _move(booking)
    settle(booking)
    check(crm, booking)
    assert crm.contact()["firstName"] == "Adah"
    _rename(booking)
    settle(booking)
    assert crm.contact()["firstName"] == "Ada"


def test_another_contact_with_the_new_address_is_left_to_a_person(
    crm: Crm, booking: Booking
) -> None:
    settle(booking)
    other = confirmed(email="new@example.com", starts_at=start_of_work(days=6), slug="loan-signing")
    Booking.objects.filter(pk=other.pk).update(customer_phone="+17135550188")
    settle(other)
    _rename(booking)
    assert settle(booking).state == "SUCCEEDED"
    assert crm.appointment(booking)["appointmentStatus"] == "confirmed"
    assert cases()[0].startswith("The CRM has two contacts")


def test_what_was_deleted_there_is_made_anew_and_told_of(crm: Crm, booking: Booking) -> None:
    settle(booking)
    crm.web.delete(f"/_sandbox/ghl/contacts/{crm.contact()['id']}").raise_for_status()
    _move(booking)
    assert settle(booking).state == "SUCCEEDED"
    check(crm, booking)
    assert "was deleted in the CRM and made anew" in cases()[0]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GHL_PIPELINE_NAME", "Sales", "has no pipeline called “Sales” (GHL_PIPELINE_NAME)"),
        ("GHL_STAGES", {"CONFIRMED": "Won"}, "has no stage called “Won” in the pipeline"),
        ("GHL_CALENDAR_ID", "", "cannot be used: GHL_CALENDAR_ID is not set"),
        ("GHL_LOCATION_ID", "loc_other", "answered 403: The token does not have access"),
        ("GHL_API_TOKEN", "pit-revoked", "answered 401: Invalid Private Integration token"),
    ],
)
def test_what_is_set_wrongly_is_said_plainly_and_loses_no_job(
    crm: Crm, booking: Booking, settings: Settings, name: str, value: Any, said: str
) -> None:
    right = getattr(settings, name)
    setattr(settings, name, value)
    job = attempt(job_of(booking))
    assert job.state == "READY"
    assert said in job.last_error
    assert DestinationState.objects.get(name=CRM.value).paused_at is not None
    setattr(settings, name, right)
    DestinationState.objects.all().delete()
    assert settle(booking).state == "SUCCEEDED"
    check(crm, booking)


WRITES = (
    ("POST", "/ghl/contacts/upsert"),
    ("POST", "/ghl/opportunities/"),
    ("POST", "/ghl/calendars/events/appointments"),
    ("POST", "^/ghl/contacts/[^/]+/tags"),
    ("PUT", "/ghl/contacts/"),
    ("PUT", "/ghl/opportunities/"),
    ("PUT", "/ghl/calendars/events/appointments/"),
    ("DELETE", "^/ghl/contacts/[^/]+/tags"),
)
READS = (
    ("GET", "/ghl/contacts/search/duplicate"),
    ("GET", "/ghl/opportunities/pipelines"),
    ("GET", "/ghl/opportunities/search"),
    ("GET", "^/ghl/contacts/[^/]+/appointments"),
    ("GET", "/ghl/calendars/events/appointments/"),
    ("GET", "^/ghl/contacts/[^/]+$"),
)
FAULTS = (
    *("delay", "timeout_before_commit", "timeout_after_commit", "error_500"),
    *("error_500_after_commit", "error_429", "reset", "reset_after_commit", "garbage"),
)


def _patiently(booking: Booking, *, seconds: float) -> None:
    """Do the newest job until it has ended, waiting a little, as a back-off does."""
    for _ in range(100):
        if (job := job_of(booking)).state != "READY":
            assert (job.state, job.last_error) == ("SUCCEEDED", "")
            return
        if attempt(job).state == "READY":
            time.sleep(seconds)
        assert not {"@", "555", "Ada"} & {*job.last_error, *job.last_error.split()}
    raise AssertionError("it never came to an end")


def _live_through(crm: Crm, booking: Booking, action: str, calls: Any, *, times: int) -> None:
    for method, path in calls:
        crm.fault(action, method=method, path=path, times=times, ms=300)
    wait = 0.1 if action == "delay" else 0.0
    _patiently(booking, seconds=wait)
    check(crm, booking)
    _rename(booking)
    _move(booking)
    _patiently(booking, seconds=wait)
    check(crm, booking)
    _cancel(booking)
    _patiently(booking, seconds=wait)
    check(crm, booking)
    # What was done though the answer was lost is found, so the call is not made again.
    assert all(fault["hits"] for fault in crm.faults())
    assert cases() == []


IS_NIGHT = "FAULT_FLOWS" in os.environ
BY_DAY = ("timeout_after_commit", "reset")


@pytest.mark.longer
@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("action", FAULTS if IS_NIGHT else BY_DAY)
def test_each_call_may_fail_and_one_of_each_is_left(
    crm: Crm, booking: Booking, action: str
) -> None:
    calls = WRITES if action != "reset" else (*WRITES, *READS)
    _live_through(crm, booking, action, calls, times=1)


@pytest.mark.night
@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("action", FAULTS)
@pytest.mark.parametrize("call", [*WRITES, *READS], ids=lambda call: f"{call[0]} {call[1]}")
def test_each_call_may_fail_five_times_in_each_way(
    crm: Crm, booking: Booking, action: str, call: tuple[str, str]
) -> None:
    _live_through(crm, booking, action, [call], times=5)


@pytest.mark.usefixtures("hasty")
def test_what_arrives_after_it_was_made_again_is_found_and_removed(
    crm: Crm, booking: Booking
) -> None:
    for path in ("/ghl/opportunities/", "/ghl/calendars/events/appointments"):
        crm.fault("delay", method="POST", path=path, ms=600)
    settle(booking)
    time.sleep(0.7)
    later = timezone.now() + timedelta(minutes=11)
    Booking.objects.filter(pk=booking.pk).update(
        confirmed_at=timezone.now() - timedelta(minutes=11)
    )
    said = {difference.what for difference in differences(now=later)}
    polling.poll(now=later)
    settle(booking)
    check(crm, booking)
    assert said <= {"a second appointment", "a second opportunity"}
    assert list(differences(now=later)) == []


def test_a_worker_killed_between_any_two_calls_leaves_one_of_each(
    crm: Crm, booking: Booking, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = allowed = 0
    call = client._call

    class Killed(BaseException):
        pass

    def dies(*args: Any, **kwargs: Any) -> Any:
        nonlocal made
        answer = call(*args, **kwargs)
        made += 1
        if made == allowed:
            raise Killed
        return answer

    monkeypatch.setattr(client, "_call", dies)
    for change in (None, _move, _cancel):
        if change is not None:
            change(booking)
        allowed, is_done = 0, False
        while not is_done:
            made, allowed = 0, allowed + 1
            DestinationState.objects.all().delete()  # a whole rate budget each time
            with contextlib.suppress(Killed):
                connector.deliver(job_of(booking), timezone.now())
                is_done = True
        assert allowed > 5
        check(crm, booking)
    assert cases() == []


def test_the_jobs_of_a_booking_that_was_never_confirmed_show_nothing(
    crm: Crm, booking: Booking
) -> None:
    Booking.objects.filter(pk=booking.pk).update(status="EXPIRED", confirmed_at=None)
    assert settle(booking).state == "SUCCEEDED"
    assert crm.all("contacts") == crm.all("appointments") == []
    assert OutboxJob.objects.filter(destination=CRM.value).count() == 1

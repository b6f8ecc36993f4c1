"""The outside systems as staff see them: what is held, what waits, what was given up."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from bookings.models import Booking
from bookings.tests.browsing import text_of
from hmnp.accounts.tests.desk_door import open_desk
from integrations.models import DestinationState, ExternalRef, OutboxJob
from integrations.tests.cast import make_booking
from integrations.tests.test_outbox import claim, fail, message, sync
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db


@pytest.fixture
def booking(catalogue: Catalogue) -> Booking:
    """A confirmed appointment."""
    return make_booking(catalogue.standard)


@pytest.fixture
def desk(client: Client) -> Client:
    """A browser signed in as the owner."""
    open_desk(client, User.objects.create_superuser("owner", "owner@example.com", "x"))
    return client


def _at(booking: Booking) -> str:
    return f"/admin/bookings/booking/{booking.pk}/outside/"


QUEUES = "/admin/integrations/outside/"


def test_a_booking_shows_what_each_system_holds_and_what_was_sent(
    desk: Client, booking: Booking
) -> None:
    assert "Nothing yet" in text_of(desk.get(_at(booking)))
    assert fail(claim(sync(booking, version=1)))
    ExternalRef.objects.create(
        booking=booking, system="ghl", kind="appointment", external_id="apt_1", status="confirmed"
    )
    message(booking, occurrence="first")
    page = desk.get(f"/admin/bookings/booking/{booking.pk}/change/")
    assert _at(booking).encode() in page.content
    said = text_of(desk.get(_at(booking)))
    for part in ("GoHighLevel", "apt_1", "confirmed", "the service answered 503", "next"):
        assert part in said
    assert f"confirmation (Mail) {booking.customer_email} waits" in said


def test_what_was_given_up_is_tried_again_one_or_all(desk: Client, booking: Booking) -> None:
    jobs = [message(booking, occurrence=name) for name in "abc"]
    for job in jobs:
        assert fail(claim(job), permanent=True)
    said = text_of(desk.post(_at(booking), {"do": "replay", "job": str(jobs[0].pk)}, follow=True))
    assert "1 tried again" in said
    assert set(OutboxJob.objects.filter(state="READY")) == {jobs[0]}
    assert "2 tried again" in text_of(desk.post(_at(booking), {"do": "replay_all"}, follow=True))
    assert "None is dead" in text_of(desk.post(_at(booking), {"do": "replay_all"}, follow=True))
    assert desk.post(_at(booking), {"do": "replay", "job": "x"}).status_code == 404
    assert desk.post(_at(booking), {"do": "else"}).status_code == 404


def test_a_job_of_another_booking_is_not_touched(
    desk: Client, booking: Booking, catalogue: Catalogue
) -> None:
    other = make_booking(catalogue.standard)
    job = message(other)
    assert fail(claim(job), permanent=True)
    desk.post(_at(booking), {"do": "replay", "job": str(job.pk)})
    assert OutboxJob.objects.get().state == "DEAD"


def test_a_system_is_paused_and_resumed_with_a_reason(desk: Client, booking: Booking) -> None:
    job = message(booking)
    assert fail(claim(job), permanent=True)
    sent = {"do": "pause", "destination": "mail", "reason": "moving house"}
    said = text_of(desk.post(QUEUES, sent, follow=True))
    assert "paused by owner: moving house" in said
    assert booking.reference in said
    assert DestinationState.objects.get().paused_by == "owner"
    text_of(desk.post(QUEUES, {"do": "resume", "destination": "mail"}, follow=True))
    assert DestinationState.objects.get().paused_at is None
    said = text_of(desk.post(QUEUES, {"do": "replay_all", "destination": "mail"}, follow=True))
    assert "1 tried again" in said
    assert desk.post(QUEUES, {"do": "pause", "destination": "mars"}).status_code == 404


@pytest.mark.parametrize("may", ["nothing", "view"])
def test_who_may_not_is_refused(client: Client, booking: Booking, may: str) -> None:
    user = User.objects.create_user("dora", is_staff=True)
    if may == "view":
        user.user_permissions.add(Permission.objects.get(codename="view_outboxjob"))
    open_desk(client, user)
    for address in (QUEUES, _at(booking)):
        assert client.get(address).status_code == (200 if may == "view" else 403)
        sent = {"do": "pause", "destination": "mail", "reason": "x"}
        assert client.post(address, sent).status_code == 403
    assert not DestinationState.objects.exists()

"""Staff see what went out and came in, change nothing, and may try the dead again."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from bookings.models import Booking
from hmnp.accounts.tests.desk_door import open_desk
from integrations import attempts
from integrations.models import InboxEvent, OutboxJob
from integrations.tests.test_outbox import claim, fail, message
from integrations.tests.test_processing import stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    """An owner's browser."""
    client = Client()
    open_desk(client, User.objects.create_superuser("owner", "owner@example.com", "secret"))
    return client


def act(client: Client, table: str, *ids: Any) -> Any:
    return client.post(
        f"/admin/integrations/{table}/",
        {"action": "replay", "_selected_action": [str(pk) for pk in ids]},
        follow=True,
    )


@pytest.mark.parametrize("table", ["outboxjob", "inboxevent", "externalref", "smsoptout"])
def test_lists_open_and_nothing_can_be_added(staff: Client, table: str, booking: Booking) -> None:
    message(booking)
    stored("customer.created", {"id": "cus_1", "object": "customer"})
    assert staff.get(f"/admin/integrations/{table}/").status_code == 200
    assert staff.get(f"/admin/integrations/{table}/add/").status_code == 403


def test_a_row_is_shown_but_not_changed_or_removed(staff: Client, booking: Booking) -> None:
    job = message(booking)
    page = f"/admin/integrations/outboxjob/{job.pk}"
    assert staff.get(f"{page}/change/").status_code == 200
    assert staff.post(f"{page}/change/", {"state": "DEAD"}).status_code == 403
    assert staff.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
    job.refresh_from_db()
    assert job.state == "READY"


def test_an_events_body_is_not_shown(staff: Client) -> None:
    event = stored("customer.created", {"id": "cus_1", "object": "customer", "email": "canary@x.y"})
    page: Any = staff.get(f"/admin/integrations/inboxevent/{event.pk}/change/")
    assert page.status_code == 200
    assert b"canary" not in page.content


def test_dead_jobs_are_started_again_and_others_left_alone(staff: Client, booking: Booking) -> None:
    dead, done = message(booking, occurrence="a"), message(booking, occurrence="b")
    assert fail(claim(dead), permanent=True)
    assert attempts.succeed(job=claim(done))
    answer = act(staff, "outboxjob", dead.pk, done.pk)
    assert b"1 of 2 started again" in answer.content
    states = dict(OutboxJob.objects.values_list("occurrence_id", "state"))
    assert states == {"a": "READY", "b": "SUCCEEDED"}


def test_dead_events_are_taken_up_again(staff: Client) -> None:
    event = stored("customer.created", {"id": "cus_1", "object": "customer"})
    InboxEvent.objects.filter(pk=event.pk).update(state="DEAD")
    assert b"1 of 1 started again" in act(staff, "inboxevent", event.pk).content
    event.refresh_from_db()
    assert event.state == "RECEIVED"


def test_a_stranger_is_sent_to_the_door(client: Client) -> None:
    assert client.get("/admin/integrations/outboxjob/").status_code == 302

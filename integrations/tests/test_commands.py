"""`manage.py outbox` and `reconcile_integrations`: what staff see and do in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db.models import QuerySet
from django.utils import timezone

from bookings.models import Booking
from integrations import connectors, destinations, reconciliation, standing, tasks
from integrations.differences import Difference, Repair
from integrations.errors import ConnectorError
from integrations.models import DestinationState, ExternalRef, OutboxJob
from integrations.states import Destination
from integrations.tests.test_outbox import claim, fail, message, state, sync

pytestmark = pytest.mark.django_db


def _cases() -> QuerySet[Any]:
    """Give the desk's cases; the desk lives above, so its table is asked for by name."""
    return apps.get_model("desk", "Case")._default_manager.all()


def _run(*arguments: str, fails: bool = False) -> str:
    out = StringIO()
    if not fails:
        call_command(*arguments, stdout=out, stderr=out)
        return out.getvalue()
    with pytest.raises(CommandError) as problem:
        call_command(*arguments, stdout=out, stderr=out)
    assert problem.value.returncode == 1
    return out.getvalue() + str(problem.value)


def test_a_quiet_outbox_is_shown_and_ends_well(booking: Booking) -> None:
    message(booking)
    shown = _run("outbox")
    assert "mail" in shown
    assert "google_calendar" in shown
    OutboxJob.objects.update(state="SUCCEEDED", finished_at=timezone.now())
    assert _run("outbox", "--wait", "5")


def test_dead_and_overdue_jobs_fail_the_command_and_are_named(booking: Booking) -> None:
    dead, late = message(booking, occurrence="dead"), message(booking, occurrence="late")
    assert fail(claim(dead), permanent=True)
    OutboxJob.objects.filter(pk=late.pk).update(run_at=timezone.now() - timedelta(minutes=3))
    shown = _run("outbox", fails=True)
    assert "1 dead, 1 overdue" in shown
    assert f"dead  {dead.pk}  {booking.reference}" in shown
    assert "the service answered 503" in shown
    assert "3 min" in shown


def test_the_dead_are_tried_again_by_name_or_all(booking: Booking) -> None:
    jobs = [message(booking, occurrence=name) for name in "ab"]
    for job in jobs:
        assert fail(claim(job), permanent=True)
    assert "1 started again" in _run("outbox", "replay", str(jobs[0].pk))
    assert "1 started again" in _run("outbox", "replay", "--destination", "mail")
    assert "are not dead" in _run("outbox", "replay", str(jobs[0].pk), fails=True)
    assert {state(job) for job in jobs} == {"READY"}


def test_a_destination_is_paused_and_resumed(booking: Booking) -> None:
    message(booking)
    assert "paused" in _run("outbox", "pause", "mail", "--reason", "moving house")
    assert "moving house" in _run("outbox")
    assert "paused already" in _run("outbox", "pause", "mail")
    assert "resumed" in _run("outbox", "resume", "mail")
    assert "not paused" in _run("outbox", "resume", "mail")


def test_what_each_system_holds_is_told_with_its_last_attempt(booking: Booking) -> None:
    job = sync(booking, version=1)
    assert fail(claim(job))
    ExternalRef.objects.create(
        booking=booking, system="ghl", kind="appointment", external_id="apt_1", status="confirmed"
    )
    mail, ghl = standing.held_for(booking_id=booking.pk)
    assert (mail.destination, mail.is_current) == (Destination.MAIL, False)
    assert mail.next_try_at is not None
    assert mail.job is not None
    assert mail.job.last_error == "the service answered 503"
    assert [ref.external_id for ref in ghl.refs] == ["apt_1"]


@pytest.fixture
def ghl(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the CRM is said to hold otherwise: differences, or errors to raise."""
    found: list[Any] = []

    def differences(*, now: datetime) -> Iterator[Difference]:  # noqa: ARG001 -- a reconciler's shape
        for item in found:
            if isinstance(item, Exception):
                raise item
            yield item

    monkeypatch.setattr(connectors, "RECONCILERS", {Destination.GHL: differences})
    for module in (tasks, "integrations.management.commands.reconcile_integrations"):
        where = module if isinstance(module, str) else module.__name__
        monkeypatch.setattr(f"{where}.RECONCILERS", {Destination.GHL: differences})
    monkeypatch.setitem(connectors.CONNECTORS, Destination.GHL, lambda _job, _now: None)
    return found


def test_a_difference_is_put_right_by_a_fresh_job_and_fails_the_command(
    booking: Booking, ghl: list[Any]
) -> None:
    assert "hold what they should" in _run("reconcile_integrations")
    ghl.append(
        Difference(
            system=Destination.GHL,
            external_id="apt_1",
            what="the appointment is at another time",
            repair=Repair.RESYNC,
            booking_id=booking.pk,
        )
    )
    assert "another time" in _run("reconcile_integrations", "--look-only", fails=True)
    assert not OutboxJob.objects.exists()
    assert "1 differences" in _run("reconcile_integrations", fails=True)
    assert OutboxJob.objects.get().destination == "ghl"


def test_a_system_that_cannot_be_asked_fails_the_command(ghl: list[Any]) -> None:
    ghl.append(ConnectorError("cannot be reached"))
    assert "could not ask ghl" in _run("reconcile_integrations", fails=True)
    assert tasks.reconcile() == 0


def test_what_no_job_can_mend_calls_a_person_once(booking: Booking, ghl: list[Any]) -> None:
    stray = Difference(
        system=Destination.GHL, external_id="apt_9", what="none of ours", repair=Repair.ASK
    )
    ghl.append(stray)
    assert tasks.reconcile() == 1
    reconciliation.repair(difference=stray)
    assert list(_cases().values_list("kind", "summary")) == [("OUTSIDE_MISMATCH", "none of ours")]


def test_a_poll_leaves_a_shut_destination_in_peace(monkeypatch: pytest.MonkeyPatch) -> None:
    polled: list[datetime] = []

    def poll(*, now: datetime) -> int:
        polled.append(now)
        if len(polled) > 1:
            raise ConnectorError("answered 503")
        return 3

    monkeypatch.setitem(connectors.POLLERS, Destination.GHL, poll)
    assert tasks.poll("ghl") == 3
    assert tasks.poll("ghl") == 0
    assert DestinationState.objects.get(name="ghl").failures == 1
    destinations.pause(destination=Destination.GHL, by="dora", reason="quiet")
    assert tasks.poll("ghl") == 0
    assert len(polled) == 2

"""Texts from the row to Twilio: wanted, by day, once, whatever becomes of the answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from bookings.models import Booking, TimelineEvent
from integrations import delivery, outbox
from integrations.errors import NoLongerWanted, Postponed
from integrations.models import DestinationState, OutboxJob, SmsOptOut
from integrations.sms import client, connector, quiet_hours
from integrations.states import Destination, MessageKind
from integrations.tests.cast import PHONE, make_booking, open_cases
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db


def noon_zone() -> str:
    """A zone in which it is noon now, so that no test depends on the hour it runs at."""
    return f"Etc/GMT{datetime.now(tz=UTC).hour - 12:+d}"


@pytest.fixture
def texted(catalogue: Catalogue) -> Booking:
    """A booking whose customer agreed to texts, in a zone where it is day."""
    return make_booking(catalogue.standard, sms_consent_at=timezone.now(), timezone=noon_zone())


@pytest.fixture
def twilio(sandbox_web: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """The SMS sandbox, with an impatient client of ours in front."""
    patient = client._api

    def impatient() -> Any:
        return dataclasses.replace(patient(), timeout=httpx.Timeout(0.3))

    monkeypatch.setattr(client, "_api", impatient)
    sandbox_web.delete("/_sandbox/faults")
    yield sandbox_web
    sandbox_web.delete("/_sandbox/faults")
    sandbox_web.post("/_sandbox/sms/opt_out", json={"number": PHONE, "back": True})


def enqueue(booking: Booking, kind: MessageKind = MessageKind.CONFIRMATION, **fields: Any) -> Any:
    values: dict[str, Any] = {"recipient": str(booking.customer_phone), "version": 1, **fields}
    with transaction.atomic():
        outbox.enqueue_message(
            destination=Destination.SMS, booking_id=booking.pk, message_kind=kind, **values
        )
    return OutboxJob.objects.latest("created_at")


def attempt(job: OutboxJob) -> OutboxJob:
    OutboxJob.objects.filter(pk=job.pk, state="READY").update(
        run_at=timezone.now() - timedelta(seconds=1)
    )
    delivery.attempt(job_id=job.pk)
    job.refresh_from_db()
    return job


def texts(web: httpx.Client, booking: Booking) -> list[dict[str, Any]]:
    """What Twilio holds of a booking, oldest first."""
    answer = web.get("/_sandbox/sms", params={"reference": booking.reference})
    found: list[dict[str, Any]] = answer.json()["data"]
    return found[::-1]


def fault(web: httpx.Client, action: str, method: str = "POST", **more: Any) -> None:
    wish = {"match": {"system": "twilio", "method": method}, "action": action, **more}
    web.post("/_sandbox/faults", json=wish).raise_for_status()


def test_a_text_is_sent_once_with_how_to_stop_in_the_first(
    texted: Booking, twilio: httpx.Client
) -> None:
    job = enqueue(texted)
    for _ in range(2):
        job = attempt(job)
    assert (job.state, job.attempts, job.last_error) == ("SUCCEEDED", 1, "")
    attempt(enqueue(texted, MessageKind.RESCHEDULED, version=2))
    first, second = texts(twilio, texted)
    assert first["id"] == job.external_id
    assert first["to"] == PHONE
    assert texted.reference in first["body"]
    assert first["body"].endswith("Reply STOP to end texts.")
    assert "STOP" not in second["body"]
    assert (first["segments"], second["segments"]) == (1, 1)
    assert first["callback"] == client.status_url()
    told = TimelineEvent.objects.filter(booking=texted, action="message_sent").first()
    assert told is not None
    assert told.metadata == {"message": "confirmation", "channel": "sms", "job_id": str(job.pk)}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "CANCELLED"}, "the booking is CANCELLED"),
        ({"customer_phone": "+17135550100"}, "the customer has another number now"),
        ({"sms_consent_at": None}, "the customer has not agreed to SMS, or has opted out"),
        ({"starts_at": datetime(2026, 1, 1, tzinfo=UTC)}, "its time is over"),
    ],
)
def test_what_nobody_wants_is_not_sent(
    texted: Booking, twilio: httpx.Client, changes: dict[str, Any], reason: str
) -> None:
    job = enqueue(texted)
    Booking.objects.filter(pk=texted.pk).update(**changes)
    job = attempt(job)
    assert (job.state, job.last_error) == ("SUPERSEDED", reason)
    assert texts(twilio, texted) == []


def test_who_opted_out_is_remembered_until_they_agree_again(
    texted: Booking, twilio: httpx.Client
) -> None:
    twilio.post("/_sandbox/sms/opt_out", json={"number": PHONE})
    job = attempt(enqueue(texted))
    assert (job.state, job.last_error) == ("SUPERSEDED", "the number has opted out of SMS")
    assert SmsOptOut.objects.get().number == PHONE
    twilio.post("/_sandbox/sms/opt_out", json={"number": PHONE, "back": True})
    job = attempt(enqueue(texted, MessageKind.RESCHEDULED, version=2))
    assert (job.state, texts(twilio, texted)) == ("SUPERSEDED", [])
    Booking.objects.filter(pk=texted.pk).update(sms_consent_at=timezone.now())
    job = attempt(enqueue(texted, MessageKind.RESCHEDULED, version=3))
    assert (job.state, len(texts(twilio, texted))) == ("SUCCEEDED", 1)


def test_a_number_that_is_none_ends_with_a_person(texted: Booking, twilio: httpx.Client) -> None:
    Booking.objects.filter(pk=texted.pk).update(customer_phone="+15005550001")
    job = attempt(enqueue(texted, recipient="+15005550001"))
    assert (job.state, job.last_error) == ("DEAD", "refuses this text or number (code 21211)")
    assert open_cases() == ["INTEGRATION_DEAD"]


def test_texts_may_be_sent_by_a_messaging_service(
    texted: Booking, twilio: httpx.Client, settings: Settings
) -> None:
    settings.TWILIO_FROM = "MG" + "0" * 32
    assert attempt(enqueue(texted)).state == "SUCCEEDED"
    assert texts(twilio, texted)[0]["service"] == settings.TWILIO_FROM


@pytest.mark.parametrize("setting", ["TWILIO_FROM", "TWILIO_AUTH_TOKEN"])
def test_what_is_wrong_with_us_pauses_all_texts_and_loses_none(
    texted: Booking, twilio: httpx.Client, settings: Settings, setting: str
) -> None:
    right = getattr(settings, setting)
    setattr(settings, setting, "+17135550111")
    job = attempt(enqueue(texted))
    assert (job.state, job.attempts) == ("READY", 0)
    assert DestinationState.objects.get(name="sms").paused_at is not None
    DestinationState.objects.all().delete()
    setattr(settings, setting, right)
    assert attempt(job).state == "SUCCEEDED"


@pytest.mark.parametrize(
    ("action", "more", "unknown"),
    [
        ("timeout_after_commit", {"ms": 1500}, 1),
        ("timeout_before_commit", {"ms": 1500}, 1),
        ("reset_after_commit", {}, 1),
        ("reset", {}, 1),
        ("error_500_after_commit", {}, 1),
        ("error_500", {}, 1),
        ("garbage", {}, 1),
        ("error_429", {}, 0),
        ("delay", {"ms": 50}, None),
    ],
)
def test_whatever_goes_wrong_it_is_sent_exactly_once(
    texted: Booking, twilio: httpx.Client, action: str, more: dict[str, Any], unknown: int | None
) -> None:
    fault(twilio, action, **more)
    job = attempt(enqueue(texted))
    if unknown is not None:
        assert (job.state, job.unknown_outcomes) == ("READY", unknown)
        # The look-up goes wrong as well, once: then nothing is sent.
        fault(twilio, "error_500", method="GET")
        before = len(texts(twilio, texted))
        job = attempt(job)
        assert not unknown or (job.state, len(texts(twilio, texted))) == ("READY", before)
        job = attempt(job)
    assert job.state == "SUCCEEDED"
    (sent,) = texts(twilio, texted)
    assert sent["id"] == job.external_id
    assert TimelineEvent.objects.filter(booking=texted, action="message_sent").count() == 1


def test_after_an_unknown_result_the_look_up_waits_for_the_list(
    texted: Booking, twilio: httpx.Client
) -> None:
    fault(twilio, "reset")
    job = attempt(enqueue(texted))
    assert job.run_at - timezone.now() > timedelta(seconds=25)


def test_the_same_words_sent_by_another_job_are_not_taken_for_this_one(
    texted: Booking, twilio: httpx.Client
) -> None:
    first = attempt(enqueue(texted, MessageKind.RESCHEDULED, version=2))
    fault(twilio, "reset")
    second = attempt(enqueue(texted, MessageKind.RESCHEDULED, version=3))
    second = attempt(second)
    assert (first.state, second.state) == ("SUCCEEDED", "SUCCEEDED")
    assert first.external_id != second.external_id
    assert len(texts(twilio, texted)) == 2


def test_where_nobody_can_say_whether_it_was_sent_it_ends_with_a_person_not_twice(
    texted: Booking, twilio: httpx.Client
) -> None:
    fault(twilio, "error_500_after_commit")
    job = attempt(enqueue(texted))
    fault(twilio, "error_500", method="GET", times=-1)
    OutboxJob.objects.update(attempts=89)
    job = attempt(job)
    assert (job.state, len(texts(twilio, texted))) == ("DEAD", 1)
    assert open_cases() == ["INTEGRATION_DEAD"]


CHICAGO = ZoneInfo("America/Chicago")


def at(text: str) -> datetime:
    """A moment by the clock in Chicago."""
    return datetime.fromisoformat(text).replace(tzinfo=CHICAGO)


@pytest.mark.parametrize(
    ("now", "allowed_at"),
    [
        ("2026-12-01 07:59:59", "2026-12-01 08:00"),
        ("2026-12-01 08:00", "2026-12-01 08:00"),
        ("2026-12-01 20:59:59", "2026-12-01 20:59:59"),
        ("2026-12-01 21:00", "2026-12-02 08:00"),
        ("2026-12-31 23:30", "2027-01-01 08:00"),
        # The clocks go forward, and back, in the small hours of these.
        ("2027-03-13 22:00", "2027-03-14 08:00"),
        ("2027-03-14 01:30", "2027-03-14 08:00"),
        ("2026-10-31 22:00", "2026-11-01 08:00"),
        ("2026-11-01 01:30", "2026-11-01 08:00"),
    ],
)
def test_texts_wait_for_the_morning_where_the_booking_is(now: str, allowed_at: str) -> None:
    assert quiet_hours.next_allowed(now=at(now).astimezone(UTC), zone=CHICAGO) == at(allowed_at)


@pytest.mark.parametrize(
    ("now", "starts", "outcome"),
    [
        ("2026-12-01 22:00", "2026-12-02 10:00", timedelta(hours=10)),
        ("2026-12-02 07:30", "2026-12-02 10:00", timedelta(minutes=30)),
        ("2026-12-01 22:00", "2026-12-02 07:30", "after the quiet hours nobody needs it any more"),
        # Eleven hours by the clock, ten in truth.
        ("2027-03-13 21:00", "2027-03-14 10:00", timedelta(hours=10)),
        ("2026-10-31 21:00", "2026-11-01 10:00", timedelta(hours=12)),
    ],
)
def test_a_text_that_falls_into_the_night_waits_or_is_dropped(
    catalogue: Catalogue, now: str, starts: str, outcome: timedelta | str
) -> None:
    booking = make_booking(catalogue.standard, sms_consent_at=at(now), starts_at=at(starts))
    job = enqueue(booking)
    with pytest.raises((Postponed, NoLongerWanted)) as stopped:
        connector.deliver(job, at(now).astimezone(UTC))
    error: Any = stopped.value
    assert (error.delay if isinstance(error, Postponed) else error.reason) == outcome

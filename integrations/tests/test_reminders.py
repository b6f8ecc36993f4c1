"""Reminders by a moved clock: due in time, late while true, once, and never for what is no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail as mailbox
from django.utils import timezone
from pytest_django.fixtures import Settings

from bookings.models import Booking, Notary, TimelineEvent
from bookings.models.booking import BookingDocument
from integrations import delivery, reminders
from integrations.errors import ConnectorError, NoLongerWanted, Postponed
from integrations.mail import connector
from integrations.models import OutboxJob
from integrations.states import MessageKind
from integrations.tests.cast import make_booking
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db

CHICAGO = ZoneInfo("America/Chicago")
DAYS_BEFORE = timedelta(days=5)
DOCUMENTS_MISSING = MessageKind.DOCUMENTS_MISSING


def at(text: str) -> datetime:
    """A moment by the clock in Chicago, in UTC; a `~` says: the second time that clock shows it."""
    naive = datetime.fromisoformat(text.removesuffix("~"))
    return naive.replace(tzinfo=CHICAGO, fold=int(text.endswith("~"))).astimezone(UTC)


def book(catalogue: Catalogue, starts: str, told: str = "", **fields: Any) -> Booking:
    """A mobile booking, confirmed days before or when it is `told`."""
    starts_at = at(starts)
    service = fields.pop("service", catalogue.standard)
    confirmed_at = at(told) if told else starts_at - DAYS_BEFORE
    return make_booking(service, starts_at=starts_at, confirmed_at=confirmed_at, **fields)


def look(*moments: str | datetime) -> list[tuple[str, str, str]]:
    """Let beat look then; give what was written: by the clock in Chicago, which kind, where to."""
    seen, found = set(OutboxJob.objects.values_list("pk", flat=True)), []
    for moment in moments:
        now = at(moment) if isinstance(moment, str) else moment
        reminders.write_due(now=now)
        for job in OutboxJob.objects.exclude(pk__in=seen).order_by("message_kind", "destination"):
            seen.add(job.pk)
            clock = f"{now.astimezone(CHICAGO):%m-%d %H:%M}"
            found.append((clock, job.message_kind, job.destination))
    return found


@pytest.mark.parametrize(
    ("starts", "day_before", "soon"),
    [
        ("2026-12-01 14:00", "11-30 14:00", "12-01 12:00"),
        # The clocks go forward in the night between: 24 hours are 25 on the clock.
        ("2027-03-14 09:30", "03-13 08:30", "03-14 07:30"),
        ("2027-03-14 03:30", "03-13 02:30", "03-14 00:30"),
        # They go back: 24 hours are 23.
        ("2026-11-01 09:30", "10-31 10:30", "11-01 07:30"),
        # The second half past one of that night.
        ("2026-11-01 01:30~", "10-31 02:30", "11-01 00:30"),
    ],
)
def test_reminders_come_24_and_2_hours_before_by_any_clock(
    catalogue: Catalogue, starts: str, day_before: str, soon: str
) -> None:
    booking = book(catalogue, starts)
    minute = timedelta(minutes=1)
    dues = [at(starts) - timedelta(hours=hours) for hours in (24, 2)]
    found = look(*(due + step for due in dues for step in (-minute, 0 * minute, minute)))
    assert found == [(day_before, "reminder_24h", "mail"), (soon, "reminder_2h", "mail")]
    keys = set(OutboxJob.objects.values_list("occurrence_id", "version", "recipient"))
    assert keys == {(f"{at(starts):%Y-%m-%dT%H:%M:%SZ}", 0, booking.customer_email)}


WHOLE_DAY = ("2026-11-30 14:00", "2026-12-01 09:30", "2026-12-01 12:00", "2026-12-01 13:20")


@pytest.mark.parametrize(
    ("told", "kinds"),
    [
        ("2026-11-30 09:00", ["reminder_24h", "reminder_2h"]),
        ("2026-11-30 11:00", ["reminder_2h"]),
        ("2026-12-01 10:50", ["reminder_2h"]),
        # Booked under three hours ahead: who just read the time needs no reminder of it.
        ("2026-12-01 11:05", []),
    ],
)
def test_who_just_heard_of_the_time_is_not_reminded_of_it(
    catalogue: Catalogue, told: str, kinds: list[str]
) -> None:
    book(catalogue, "2026-12-01 14:00", told)
    found = look(*WHOLE_DAY)
    assert [kind for _, kind, _ in found] == kinds


def test_a_move_counts_as_news_of_the_time(catalogue: Catalogue) -> None:
    booking = book(catalogue, "2026-12-01 14:00")
    TimelineEvent.objects.create(
        booking=booking, action="rescheduled", actor_type="customer", at=at("2026-12-01 08:00")
    )
    found = look("2026-12-01 08:00", *WHOLE_DAY[1:])
    assert found == [("12-01 12:00", "reminder_2h", "mail")]


@pytest.mark.parametrize(
    ("down_until", "kinds"),
    [
        ("2026-11-30 17:00", ["reminder_24h"]),
        ("2026-12-01 09:59", ["reminder_24h"]),
        ("2026-12-01 10:00", []),
        ("2026-12-01 13:29", ["reminder_2h"]),
        ("2026-12-01 13:30", []),
    ],
)
def test_after_an_outage_what_is_late_is_sent_while_it_is_of_use(
    catalogue: Catalogue, down_until: str, kinds: list[str]
) -> None:
    book(catalogue, "2026-12-01 14:00")
    assert [kind for _, kind, _ in look(down_until)] == kinds


def test_three_hours_without_beat_delay_the_day_before_and_lose_the_two_hours(
    catalogue: Catalogue,
) -> None:
    book(catalogue, "2026-12-01 14:00")
    book(catalogue, "2026-11-30 16:00", customer_email="other@example.com")
    assert look("2026-11-30 13:00", "2026-11-30 13:30") == []
    found = look("2026-11-30 16:30", "2026-11-30 17:30")
    assert found == [("11-30 16:30", "reminder_24h", "mail")]


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "CANCELLED"},
        {"status": "PENDING_PAYMENT"},
        {"status": "EXPIRED"},
        {"status": "NO_SHOW"},
        {"status": "COMPLETED"},
    ],
)
def test_what_does_not_stand_is_not_reminded_of(
    catalogue: Catalogue, fields: dict[str, Any]
) -> None:
    booking = book(catalogue, "2026-12-01 14:00", **fields)
    # Not long since: no review is asked for either.
    Booking.objects.filter(pk=booking.pk).update(updated_at=at("2026-12-01 14:55"))
    assert look(*WHOLE_DAY, "2026-12-01 15:00") == []


def test_texts_go_to_who_agreed_on_top_of_the_mail(
    catalogue: Catalogue, settings: Settings
) -> None:
    booking = book(catalogue, "2026-12-01 14:00", sms_consent_at=at("2026-11-01 12:00"))
    found = look("2026-11-30 14:00")
    assert [(kind, to) for _, kind, to in found] == [
        ("reminder_24h", "mail"),
        ("reminder_24h", "sms"),
    ]
    assert OutboxJob.objects.get(destination="sms").recipient == str(booking.customer_phone)
    settings.INTEGRATIONS_OFF = ["sms"]
    assert [to for *_, to in look("2026-12-01 12:00")] == ["mail"]


# --- Remote sessions ---------------------------------------------------------------------------


def complete(booking: Booking) -> None:
    """Give a session everything it needs."""
    BookingDocument.objects.create(
        booking=booking, filename="a.pdf", size=1, sha256="0", storage_name="a",
        uploaded_at=timezone.now(),
    )  # fmt: skip
    booking.signer_details = [{"name": "Sam", "email": "sam@example.com"}]
    booking.save()


@pytest.mark.parametrize(
    ("told", "is_complete", "written"),
    [
        (
            "2026-11-25 12:00",
            True,
            [("11-30 14:00", "reminder_24h"), ("12-01 12:00", "reminder_2h"),
             ("12-01 13:30", "ron_link")],
        ),
        (
            "2026-11-25 12:00",
            False,
            [("11-30 14:00", "documents_missing"), ("12-01 12:00", "reminder_2h"),
             ("12-01 13:30", "ron_link")],
        ),
        # Booked three hours ahead: what is missing is asked for after an hour.
        (
            "2026-12-01 11:10",
            False,
            [("12-01 12:10", "documents_missing"), ("12-01 13:30", "ron_link")],
        ),
        ("2026-12-01 13:00", False, [("12-01 13:30", "ron_link")]),
    ],
)  # fmt: skip
def test_a_session_gets_its_link_and_is_asked_for_what_is_missing(
    catalogue: Catalogue, told: str, is_complete: bool, written: list[tuple[str, str]]
) -> None:
    booking = book(catalogue, "2026-12-01 14:00", told, service=catalogue.ron, signers=1)
    if is_complete:
        complete(booking)
    found = look(
        *("2026-11-30 13:59", "2026-11-30 14:00", "2026-11-30 14:01"),
        *("2026-12-01 11:59", "2026-12-01 12:00", "2026-12-01 12:09", "2026-12-01 12:10"),
        *("2026-12-01 13:29", "2026-12-01 13:30", "2026-12-01 14:10"),
    )
    assert found == [(clock, kind, "mail") for clock, kind in written]


def test_who_sends_what_is_missing_before_being_asked_is_reminded_as_all_are(
    catalogue: Catalogue,
) -> None:
    booking = book(catalogue, "2026-12-01 14:00", service=catalogue.ron, signers=1)
    assert [kind for _, kind, _ in look("2026-11-30 14:00")] == ["documents_missing"]
    complete(booking)
    assert look("2026-11-30 14:01") == []
    OutboxJob.objects.update(state="SUPERSEDED", finished_at=timezone.now())
    assert [kind for _, kind, _ in look("2026-11-30 14:02", "2026-11-30 14:03")] == ["reminder_24h"]


def test_where_no_sessions_are_held_no_link_is_promised(
    catalogue: Catalogue, settings: Settings
) -> None:
    settings.INTEGRATIONS_OFF = ["proof"]
    booking = book(catalogue, "2026-12-01 14:00", service=catalogue.ron)
    assert look("2026-12-01 13:40") == []
    Booking.objects.filter(pk=booking.pk).update(ron_join_url="https://by.hand.example/")
    assert len(look("2026-12-01 13:41")) == 1


# --- Reviews -----------------------------------------------------------------------------------


def test_a_review_is_asked_for_once_an_hour_after_the_work(catalogue: Catalogue) -> None:
    booking = book(catalogue, "2026-12-01 14:00", status="COMPLETED")
    Booking.objects.filter(pk=booking.pk).update(updated_at=at("2026-12-01 15:00"))
    found = look("2026-12-01 15:59", "2026-12-01 16:00", "2026-12-01 16:01")
    assert found == [("12-01 16:00", "review_request", "mail")]
    OutboxJob.objects.all().delete()
    assert look("2026-12-04 15:00") == []


# --- Judged again when it is sent --------------------------------------------------------------

LINK = "https://proof.example/oc_1"


@pytest.mark.parametrize(
    ("kind", "now", "changes", "outcome"),
    [
        ("reminder_24h", "2026-11-30 14:00", {}, "sent"),
        ("reminder_24h", "2026-11-30 14:00", {"status": "CANCELLED"}, "the booking is CANCELLED"),
        ("reminder_24h", "2026-11-30 14:00", {"starts_at": at("2026-12-01 13:30")},
         "the appointment has another time now"),
        ("reminder_24h", "2026-12-01 10:00", {}, "its time is over"),
        ("reminder_2h", "2026-12-01 12:00", {"status": "IN_PROGRESS"},
         "the booking is IN_PROGRESS"),
        ("reminder_2h", "2026-12-01 12:00", {"customer_email": "new@example.com"},
         "the customer has another address now"),
        ("reminder_2h", "2026-12-01 13:30", {}, "its time is over"),
        ("documents_missing", "2026-11-30 14:00", {}, "sent"),
        ("documents_missing", "2026-11-30 14:00", {"complete": True},
         "nothing is missing any more"),
        ("ron_link", "2026-12-01 13:30", {"ron_join_url": LINK}, "sent"),
        ("ron_link", "2026-12-01 14:10", {"ron_join_url": LINK, "status": "IN_PROGRESS"}, "sent"),
        ("ron_link", "2026-12-01 14:15", {"ron_join_url": LINK}, "its time is over"),
        ("ron_link", "2026-12-01 13:30",
         {"ron_join_url": LINK, "ron_status": "identity_failed"}, "the session is identity_failed"),
        ("ron_link", "2026-12-01 13:30", {}, "the session's link is not there yet"),
        ("ron_link", "2026-12-01 14:00", {},
         "the session should start, and its link is not there (missing: documents, signers)"),
        ("ron_link", "2026-12-01 14:00", {"status": "CANCELLED"}, "the booking is CANCELLED"),
        ("review_request", "2026-12-01 17:00", {"status": "COMPLETED"}, "sent"),
        ("review_request", "2026-12-01 17:00", {}, "the booking is CONFIRMED"),
        ("review_request", "2026-12-01 17:00",
         {"status": "COMPLETED", "amount_refunded_cents": 100}, "money went back"),
        ("identity_failed", "2026-12-01 14:10", {}, "sent"),
        ("identity_failed", "2026-12-01 14:10", {"status": "CANCELLED"},
         "the booking is CANCELLED"),
    ],
)  # fmt: skip
def test_what_was_due_is_judged_again_when_it_is_sent(
    catalogue: Catalogue, kind: str, now: str, changes: dict[str, Any], outcome: str
) -> None:
    booking = book(catalogue, "2026-12-01 14:00", service=catalogue.ron, signers=1)
    job = OutboxJob.objects.create(
        kind="MESSAGE",
        destination="mail",
        booking=booking,
        version=0,
        message_kind=kind,
        recipient=booking.customer_email,
        occurrence_id=f"{booking.starts_at:%Y-%m-%dT%H:%M:%SZ}",
        run_at=at(now),
        max_attempts=9,
        give_up_at=at(now) + timedelta(days=3),
        created_at=at(now),
    )
    if changes.pop("complete", False):
        complete(booking)
    Booking.objects.filter(pk=booking.pk).update(**changes)
    if outcome == "sent":
        connector.deliver(job, at(now))
        assert len(mailbox.outbox) == 1
        return
    with pytest.raises((NoLongerWanted, Postponed, ConnectorError)) as stopped:
        connector.deliver(job, at(now))
    error: Any = stopped.value
    assert error.reason == outcome
    assert not isinstance(error, ConnectorError) or error.permanent
    assert mailbox.outbox == []


def test_a_reminder_goes_the_whole_way_once(catalogue: Catalogue) -> None:
    now = timezone.now().replace(microsecond=0)
    make_booking(
        catalogue.standard,
        starts_at=now + timedelta(hours=23, minutes=59),
        confirmed_at=now - timedelta(days=9),
    )
    assert [reminders.write_due(now=now) for _ in range(2)] == [1, 0]
    for _ in range(2):
        delivery.attempt(job_id=OutboxJob.objects.get().pk)
    assert OutboxJob.objects.get().state == "SUCCEEDED"
    (sent,) = mailbox.outbox
    assert sent.subject.startswith("Coming up: ")


# --- Notaries -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "told", "changes", "outcome"),
    [
        ("notary_job", "", {}, "sent"),
        ("notary_job", "", {"notary": "other"}, "the job is not theirs any more"),
        ("notary_job", "", {"status": "CANCELLED"}, "the job is not theirs any more"),
        ("notary_change", "", {}, "sent"),
        ("notary_gone", "SUCCEEDED", {"status": "CANCELLED"}, "sent"),
        ("notary_gone", "SUCCEEDED", {"notary": "other"}, "sent"),
        ("notary_gone", "SUCCEEDED", {}, "the job is theirs again"),
        ("notary_gone", "SUPERSEDED", {"notary": "other"}, "they never heard of the job"),
        ("notary_gone", "", {"status": "CANCELLED"}, "they never heard of the job"),
    ],
)
def test_a_notary_is_told_only_what_is_so(
    catalogue: Catalogue, kind: str, told: str, changes: dict[str, Any], outcome: str
) -> None:
    booking = book(catalogue, "2026-12-01 14:00")
    now = at("2026-11-30 14:00")
    values: dict[str, Any] = {
        "kind": "MESSAGE",
        "destination": "mail",
        "booking": booking,
        "recipient": "nora@example.com",
        "occurrence_id": "2026-12-01T20:00:00Z",
        "run_at": now,
        "max_attempts": 9,
        "give_up_at": now + timedelta(days=3),
        "created_at": now,
    }
    if told:
        OutboxJob.objects.create(
            **values, version=1, message_kind="notary_job", state=told, finished_at=now
        )
    job = OutboxJob.objects.create(**values, version=2, message_kind=kind)
    if changes.pop("notary", ""):
        changes["notary"] = Notary.objects.create(name="Otto", email="otto@example.com")
    Booking.objects.filter(pk=booking.pk).update(**changes)
    if outcome == "sent":
        connector.deliver(job, now)
        assert mailbox.outbox[0].to == ["nora@example.com"]
        return
    with pytest.raises(NoLongerWanted) as stopped:
        connector.deliver(job, now)
    assert stopped.value.reason == outcome
    assert mailbox.outbox == []

"""Mail jobs from the row to the mailbox: judged again, sent once, written on the timeline."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.core import mail as mailbox
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.locmem import EmailBackend
from django.db import transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from bookings.models import Booking, TimelineEvent
from hmnp.core.logs import json_formatter
from integrations import attempts, delivery, outbox
from integrations.connectors import CONNECTORS
from integrations.mail.tests.test_mapping import make_refund
from integrations.models import OutboxJob
from integrations.states import Destination, MessageKind
from integrations.tests.cast import CUSTOMER, NAME, PHONE, STREET

pytestmark = pytest.mark.django_db


def enqueue(booking: Booking, kind: MessageKind, **fields: Any) -> OutboxJob:
    values: dict[str, Any] = {"recipient": booking.customer_email, "version": 1, **fields}
    with transaction.atomic():
        outbox.enqueue_message(
            destination=Destination.MAIL, booking_id=booking.pk, message_kind=kind, **values
        )
    return OutboxJob.objects.latest("created_at")


def attempt(job: OutboxJob) -> OutboxJob:
    OutboxJob.objects.filter(pk=job.pk, state="READY").update(
        run_at=timezone.now() - timedelta(seconds=1)
    )
    delivery.attempt(job_id=job.pk)
    job.refresh_from_db()
    return job


def told(booking: Booking) -> list[dict[str, Any]]:
    events = TimelineEvent.objects.filter(booking=booking, action="message_sent")
    return [event.metadata for event in events]


class TimesOutAfterSending(EmailBackend):
    """A mail server that takes the mail and never answers."""

    def send_messages(self, messages: Any) -> int:
        super().send_messages(messages)
        raise TimeoutError


class Refuses(EmailBackend):
    """A mail server that is down."""

    def send_messages(self, messages: Any) -> int:
        raise ConnectionRefusedError


class Stumbles(EmailBackend):
    """A mistake of ours whose text names the customer."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        raise KeyError(f"cannot write to {messages[0].to} about {messages[0].body}")


def test_a_mail_is_sent_once_and_told_on_the_timeline(booking: Booking) -> None:
    job = enqueue(booking, MessageKind.CONFIRMATION)
    for _ in range(3):
        delivery.attempt(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("SUCCEEDED", 1)
    (sent,) = mailbox.outbox
    assert sent.to == [booking.customer_email]
    assert isinstance(sent, EmailMultiAlternatives)
    assert [content_type for _, content_type in sent.alternatives] == ["text/html"]
    assert told(booking) == [{"message": "confirmation", "channel": "mail", "job_id": str(job.pk)}]


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        (MessageKind.CONFIRMATION, {"status": "CANCELLED"}, "the booking is CANCELLED"),
        (MessageKind.CONFIRMATION, {"status": "EXPIRED"}, "the booking is EXPIRED"),
        (
            MessageKind.CONFIRMATION,
            {"customer_email": "new@example.com"},
            "the customer has another address now",
        ),
        (MessageKind.RESCHEDULED, {"status": "CANCELLED"}, "the booking is CANCELLED"),
        (MessageKind.CANCELLED, {"status": "CONFIRMED"}, "the booking is CONFIRMED"),
        (MessageKind.ADDRESS_CHANGED, {}, "the address is the customer's again"),
    ],
)
def test_what_is_no_longer_true_is_not_sent(
    booking: Booking, kind: MessageKind, changes: dict[str, Any], reason: str
) -> None:
    job = enqueue(booking, kind)
    Booking.objects.filter(pk=booking.pk).update(**changes)
    job = attempt(job)
    assert (job.state, job.last_error) == ("SUPERSEDED", reason)
    assert mailbox.outbox == []
    assert told(booking) == []


def test_an_appointment_that_is_over_is_not_confirmed_any_more(booking: Booking) -> None:
    job = enqueue(booking, MessageKind.CONFIRMATION)
    past = timezone.now() - timedelta(days=1)
    Booking.objects.filter(pk=booking.pk).update(starts_at=past, ends_at=past + timedelta(hours=1))
    assert attempt(job).last_error == "the appointment is over"
    assert mailbox.outbox == []


def test_of_two_moves_only_the_last_is_told(booking: Booking) -> None:
    first = enqueue(booking, MessageKind.RESCHEDULED, version=2)
    second = enqueue(booking, MessageKind.RESCHEDULED, version=3)
    assert attempt(second).state == "SUCCEEDED"
    assert attempt(first).last_error == "it was moved again"
    assert len(mailbox.outbox) == 1


def test_a_declined_card_is_told_only_while_another_may_be_tried(booking: Booking) -> None:
    payment = make_refund(booking, 1000).payment
    payment.status, payment.decline_code = "REQUIRES_PAYMENT", "insufficient_funds"
    payment.save()
    declined = enqueue(booking, MessageKind.PAYMENT_FAILED, occurrence_id="2026-12-01")
    assert attempt(declined).state == "SUCCEEDED"
    for number, (status, decline_code) in enumerate(
        [("SUCCEEDED", ""), ("CANCELLED", "insufficient_funds"), ("REQUIRES_PAYMENT", "")]
    ):
        payment.status, payment.decline_code = status, decline_code
        payment.save()
        late = attempt(enqueue(booking, MessageKind.PAYMENT_FAILED, occurrence_id=str(number)))
        assert (late.state, late.last_error) == (
            "SUPERSEDED",
            "no declined payment is open any more",
        )
    assert len(mailbox.outbox) == 1


def test_a_refund_that_did_not_go_through_is_not_told(booking: Booking) -> None:
    refund = make_refund(booking, 1000)
    job = enqueue(booking, MessageKind.REFUNDED, occurrence_id=str(refund.pk))
    refund.status = "FAILED"
    refund.save()
    assert attempt(job).state == "SUPERSEDED"
    refund.status = "SUCCEEDED"
    refund.save()
    other = enqueue(booking, MessageKind.REFUNDED, occurrence_id=str(refund.pk), version=2)
    assert attempt(other).state == "SUCCEEDED"


def test_a_mail_server_that_is_down_delays_the_mail(booking: Booking, settings: Settings) -> None:
    job = enqueue(booking, MessageKind.CONFIRMATION)
    settings.EMAIL_BACKEND = f"{__name__}.Refuses"
    job = attempt(job)
    assert (job.state, job.unknown_outcomes) == ("READY", 0)
    assert told(booking) == []
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert attempt(job).state == "SUCCEEDED"
    assert len(mailbox.outbox) == 1


def test_a_server_that_keeps_no_log_gets_a_mail_of_unknown_fate_at_most_twice(
    booking: Booking, settings: Settings
) -> None:
    job = enqueue(booking, MessageKind.CONFIRMATION)
    settings.EMAIL_BACKEND = f"{__name__}.TimesOutAfterSending"
    for unknown in (1, 2):
        job = attempt(job)
        assert (job.state, job.unknown_outcomes) == ("READY", unknown)
    assert attempt(job).state == "DEAD"
    assert len(mailbox.outbox) == 2


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    """Everything that is logged, in the format of production."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(json_formatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("backend", ["Refuses", "Stumbles", "TimesOutAfterSending"])
def test_no_personal_data_is_logged_or_kept_in_the_error(
    booking: Booking, settings: Settings, log_lines: io.StringIO, backend: str
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.{backend}"
    job = attempt(enqueue(booking, MessageKind.CONFIRMATION))
    assert job.last_error
    assert str(job.pk) in log_lines.getvalue()
    for canary in (CUSTOMER, NAME, PHONE, STREET, "token="):
        assert canary not in log_lines.getvalue()
        assert canary not in job.last_error


@pytest.fixture
def postmark(sandbox_web: httpx.Client, settings: Settings) -> Iterator[httpx.Client]:
    """The mail sandbox, with no faults before and after."""
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    settings.ANYMAIL = {**settings.ANYMAIL, "REQUESTS_TIMEOUT": (1, 1)}
    sandbox_web.delete("/_sandbox/faults")
    yield sandbox_web
    sandbox_web.delete("/_sandbox/faults")


def _mails(client: httpx.Client, booking: Booking) -> list[dict[str, Any]]:
    answer = client.get("/_sandbox/mails", params={"booking_id": str(booking.pk)})
    mails: list[dict[str, Any]] = answer.json()["data"]
    return mails


def _fault(
    client: httpx.Client, action: str, *, path: str = "/postmark/email", ms: int = 0
) -> None:
    wish: dict[str, Any] = {"match": {"path": path}, "action": action}
    if ms:
        wish["ms"] = ms
    client.post("/_sandbox/faults", json=wish).raise_for_status()


def test_postmark_gets_the_whole_mail(booking: Booking, postmark: httpx.Client) -> None:
    job = attempt(enqueue(booking, MessageKind.CONFIRMATION))
    assert (job.state, job.last_error) == ("SUCCEEDED", "")
    (sent,) = _mails(postmark, booking)
    assert sent["id"] == job.external_id
    assert sent["to"] == [CUSTOMER]
    assert sent["tag"] == "confirmation"
    assert sent["metadata"]["job_id"] == str(job.pk)
    assert sent["metadata"]["reference"] == booking.reference
    assert booking.reference in sent["text"]
    assert booking.reference in sent["html"]
    (file,) = sent["attachments"]
    assert file["name"] == "appointment.ics"
    assert file["content_type"].startswith("text/calendar")
    body = postmark.get(file["url"]).text
    assert "METHOD:PUBLISH" in body
    assert "END:VCALENDAR" in body


@pytest.mark.parametrize(
    ("action", "ms"),
    [("timeout_after_commit", 3000), ("reset_after_commit", 0), ("error_500_after_commit", 0)],
)
def test_a_mail_whose_answer_was_lost_is_looked_up_and_not_sent_again(
    booking: Booking, postmark: httpx.Client, action: str, ms: int
) -> None:
    _fault(postmark, action, ms=ms)
    job = attempt(enqueue(booking, MessageKind.CONFIRMATION))
    assert (job.state, job.unknown_outcomes) == ("READY", 1)
    assert told(booking) == []
    job = attempt(job)
    assert job.state == "SUCCEEDED"
    assert [mail["id"] for mail in _mails(postmark, booking)] == [job.external_id]
    assert len(told(booking)) == 1


@pytest.mark.parametrize(
    ("action", "ms"), [("timeout_before_commit", 3000), ("reset", 0), ("error_500", 0)]
)
def test_a_mail_that_was_not_taken_is_sent_at_the_next_try(
    booking: Booking, postmark: httpx.Client, action: str, ms: int
) -> None:
    _fault(postmark, action, ms=ms)
    job = attempt(enqueue(booking, MessageKind.CONFIRMATION))
    assert job.state == "READY"
    assert _mails(postmark, booking) == []
    assert attempt(job).state == "SUCCEEDED"
    assert len(_mails(postmark, booking)) == 1


def test_while_the_log_cannot_be_asked_a_mail_of_unknown_fate_is_not_sent(
    booking: Booking, postmark: httpx.Client
) -> None:
    _fault(postmark, "error_500_after_commit")
    job = attempt(enqueue(booking, MessageKind.CONFIRMATION))
    _fault(postmark, "error_500", path="/postmark/messages")
    job = attempt(job)
    assert (job.state, job.unknown_outcomes) == ("READY", 1)
    assert attempt(job).state == "SUCCEEDED"
    assert len(_mails(postmark, booking)) == 1


def test_a_worker_killed_while_sending_sends_nothing_twice(
    booking: Booking, postmark: httpx.Client
) -> None:
    job = enqueue(booking, MessageKind.CONFIRMATION)
    assert attempts.claim(job_id=job.pk) is not None
    _send_as_the_worker_did_before_it_died(job)
    OutboxJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    delivery.attempt(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempts, job.unknown_outcomes) == ("SUCCEEDED", 2, 1)
    assert len(_mails(postmark, booking)) == 1


def _send_as_the_worker_did_before_it_died(job: OutboxJob) -> None:
    CONNECTORS[Destination.MAIL](job, timezone.now())


def test_too_many_requests_are_tried_later(booking: Booking, postmark: httpx.Client) -> None:
    _fault(postmark, "error_429")
    job = attempt(enqueue(booking, MessageKind.CONFIRMATION))
    assert (job.state, job.unknown_outcomes) == ("READY", 0)
    assert attempt(job).state == "SUCCEEDED"


def test_an_address_that_bounces_for_good_is_given_up(
    booking: Booking, postmark: httpx.Client
) -> None:
    address = "bounced@example.com"
    Booking.objects.filter(pk=booking.pk).update(customer_email=address)
    booking.refresh_from_db()
    postmark.post("/_sandbox/mails/inactive", json={"address": address}).raise_for_status()
    job = attempt(enqueue(booking, MessageKind.CONFIRMATION))
    assert (job.state, job.last_error) == ("DEAD", "the mail service refuses this address")


def test_a_wrong_token_waits_for_somebody_to_mend_it(
    booking: Booking, postmark: httpx.Client, settings: Settings
) -> None:
    settings.ANYMAIL = {**settings.ANYMAIL, "POSTMARK_SERVER_TOKEN": "wrong"}
    job = attempt(enqueue(booking, MessageKind.CONFIRMATION))
    assert (job.state, job.last_error) == ("READY", "the mail service answered 401 (code 10)")

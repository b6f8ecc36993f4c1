"""What became of a text: told by Twilio, signed, in any order, once or twice."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from bookings.models import Booking, TimelineEvent
from integrations import inbox, processing
from integrations.models import InboxEvent, OutboxJob
from integrations.sms.tests.test_connector import enqueue
from integrations.states import MessageKind
from integrations.tests.cast import open_cases

pytestmark = pytest.mark.django_db

SID = "SM" + "0" * 32


def form(status: str, **more: str) -> dict[str, str]:
    return {
        "MessageSid": SID,
        "MessageStatus": status,
        "To": "+17135550199",
        "From": "+17135550142",
        "AccountSid": "ACsandbox",
        **more,
    }


def call(
    client: Client,
    fields: dict[str, str],
    *,
    url: str = "https://book.example/api/v2/webhooks/twilio",
    token: str = "token of this test",
    signed: dict[str, str] | None = None,
) -> int:
    text = url + "".join(name + value for name, value in sorted((signed or fields).items()))
    mac = b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
    answer = client.post(
        "/api/v2/webhooks/twilio",
        data=urlencode(fields),
        content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": mac},
    )
    return answer.status_code


@pytest.fixture(autouse=True)
def ours(settings: Settings) -> None:
    """The site is known outside by another name than here."""
    settings.PUBLIC_BASE_URL = "https://book.example/"
    settings.TWILIO_AUTH_TOKEN = "token of this test"


@pytest.fixture
def sent(booking: Booking) -> OutboxJob:
    """A text that Twilio has taken."""
    job: OutboxJob = enqueue(booking, MessageKind.CONFIRMATION)
    OutboxJob.objects.filter(pk=job.pk).update(
        state="SUCCEEDED", external_id=SID, finished_at=timezone.now()
    )
    return job


def process() -> list[str]:
    for event in InboxEvent.objects.order_by("received_at"):
        processing.process(inbox_id=event.pk)
    return list(InboxEvent.objects.order_by("received_at").values_list("state", flat=True))


@pytest.mark.parametrize(
    "forged",
    [
        {"token": "another"},
        {"url": "http://testserver/api/v2/webhooks/twilio"},
        {"signed": form("failed")},
        {"fields": {"MessageSid": SID}},
    ],
)
def test_what_twilio_did_not_sign_is_refused(client: Client, forged: dict[str, Any]) -> None:
    assert call(client, **{"fields": form("delivered"), **forged}) == 400
    assert not InboxEvent.objects.exists()


def test_without_a_token_of_ours_nothing_is_believed(client: Client, settings: Settings) -> None:
    settings.TWILIO_AUTH_TOKEN = ""
    assert call(client, form("delivered"), token="") == 400


@pytest.mark.parametrize(
    ("statuses", "known", "told"),
    [
        (["sent", "delivered"], "delivered", []),
        (["delivered", "sent", "queued"], "delivered", []),
        (["sent", "undelivered", "sent"], "undelivered", ["undelivered"]),
        (["failed"], "failed", ["failed"]),
        (["reticulated"], "", []),
    ],
)
def test_a_status_only_moves_on_and_bad_news_is_told_on_the_timeline(
    client: Client, sent: OutboxJob, statuses: list[str], known: str, told: list[str]
) -> None:
    for status in [*statuses, *statuses]:
        assert call(client, form(status, ErrorCode="30003")) == 200
    assert set(process()) == {"DONE"}
    assert InboxEvent.objects.count() == len(set(statuses))
    sent.refresh_from_db()
    assert sent.delivery_status == known
    notes = TimelineEvent.objects.filter(booking_id=sent.booking_id, action="message_sent")
    assert [note.metadata["delivery"] for note in notes] == told
    assert all(note.metadata["reason"] == "code 30003" for note in notes)
    # The mail said the same: nobody is called.
    assert open_cases() == []


def test_no_number_is_kept_of_a_callback(client: Client, sent: OutboxJob) -> None:
    call(client, form("delivered"))
    event = InboxEvent.objects.get()
    assert b"713" not in bytes(event.body)
    assert "713" not in event.event_id


def test_a_status_that_comes_before_the_answer_waits_for_it(
    client: Client, booking: Booking
) -> None:
    job = enqueue(booking, MessageKind.CONFIRMATION)
    call(client, form("delivered"))
    assert process() == ["PARKED"]
    OutboxJob.objects.filter(pk=job.pk).update(external_id=SID)
    InboxEvent.objects.update(run_at=timezone.now())
    assert process() == ["DONE"]
    job.refresh_from_db()
    assert job.delivery_status == "delivered"


def test_a_status_of_a_text_that_nobody_sent_is_let_go_in_the_end(client: Client) -> None:
    call(client, form("delivered"))
    assert process() == ["PARKED"]
    InboxEvent.objects.update(
        run_at=timezone.now(), received_at=timezone.now() - inbox.GIVE_UP_AFTER / 2
    )
    assert process() == ["IGNORED"]

"""What Postmark says of our mail: believed with the secret only, noted, and brought to a person."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import httpx
import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from bookings.events import BookingUpdated
from bookings.models import Booking, TimelineEvent
from hmnp.core.context import SYSTEM
from hmnp.core.events import emit
from integrations import delivery as outbox_delivery
from integrations import outbox
from integrations.models import OutboxJob
from integrations.states import Destination, MessageKind
from integrations.tests.cast import CUSTOMER, open_cases

pytestmark = pytest.mark.django_db

SECRET = "postmark:secret of this test"
MESSAGE_ID = "883953f4-6105-42a2-a16a-77a8eac79483"


@pytest.fixture(autouse=True)
def secret(settings: Settings) -> None:
    """The user and password of the webhook's address."""
    settings.ANYMAIL = {**settings.ANYMAIL, "WEBHOOK_SECRET": SECRET}


def sent(
    booking: Booking, kind: MessageKind = MessageKind.CONFIRMATION, recipient: str = CUSTOMER
) -> OutboxJob:
    with transaction.atomic():
        outbox.enqueue_message(
            destination=Destination.MAIL,
            booking_id=booking.pk,
            version=1,
            message_kind=kind,
            recipient=recipient,
        )
    OutboxJob.objects.update(state="SUCCEEDED", external_id=MESSAGE_ID, finished_at=timezone.now())
    return OutboxJob.objects.get()


def bounce(job: OutboxJob | None = None, **fields: Any) -> dict[str, Any]:
    """An event as Postmark documents it; its texts name the person."""
    return {
        "RecordType": "Bounce",
        "ID": 4323372036854775807,
        "Type": "HardBounce",
        "TypeCode": 1,
        "Name": "Hard bounce",
        "Tag": "confirmation",
        "MessageID": MESSAGE_ID,
        "Metadata": {"job_id": str(job.pk)} if job else {},
        "Description": f"The server was unable to deliver your message to {CUSTOMER}",
        "Details": f"smtp;550 5.1.1 {CUSTOMER}: no such user",
        "Email": CUSTOMER,
        "From": "bookings@example.com",
        "BouncedAt": "2026-11-24T16:33:54.0000000Z",
        "Inactive": True,
        "CanActivate": True,
        "MessageStream": "outbound",
        **fields,
    }


def delivery(job: OutboxJob) -> dict[str, Any]:
    return {
        "RecordType": "Delivery",
        "MessageID": MESSAGE_ID,
        "Metadata": {"job_id": str(job.pk)},
        "Recipient": CUSTOMER,
        "DeliveredAt": "2026-11-24T16:33:54.0000000Z",
    }


def call(client: Client, event: object, *, auth: str | None = SECRET) -> int:
    headers = {}
    if auth is not None:
        headers["Authorization"] = f"Basic {base64.b64encode(auth.encode()).decode()}"
    return client.post(
        "/anymail/postmark/tracking/",
        data=event if isinstance(event, bytes) else json.dumps(event),
        content_type="application/json",
        headers=headers,
    ).status_code


@pytest.mark.parametrize("auth", [None, "", "postmark:", "postmark:wrong", f"x{SECRET}"])
def test_without_the_secret_nothing_is_believed(
    client: Client, booking: Booking, auth: str | None
) -> None:
    job = sent(booking)
    assert call(client, bounce(job), auth=auth) == 400
    job.refresh_from_db()
    assert (job.delivery_status, open_cases()) == ("", [])


def test_where_no_secret_is_set_nobody_is_believed(
    client: Client, booking: Booking, settings: Settings
) -> None:
    settings.ANYMAIL = {**settings.ANYMAIL, "WEBHOOK_SECRET": ""}
    assert call(client, bounce(sent(booking)), auth=None) == 400
    assert open_cases() == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"7", b"\xff"])
def test_what_is_no_event_is_refused(client: Client, body: bytes) -> None:
    assert call(client, body) == 400


@pytest.mark.parametrize(
    ("fields", "status", "kind", "cases"),
    [
        ({}, "bounced", "confirmation", ["MESSAGE_BOUNCED"]),
        ({}, "bounced", "ron_link", ["MESSAGE_BOUNCED"]),
        ({"Type": "BadEmailAddress"}, "rejected", "confirmation", ["MESSAGE_BOUNCED"]),
        ({}, "bounced", "review_request", []),
        ({"Type": "Transient"}, "deferred", "confirmation", []),
        ({"RecordType": "SpamComplaint", "Type": "SpamNotification"}, "complained", "confirmation",
         []),
        ({"RecordType": "Open"}, "", "confirmation", []),
    ],
)  # fmt: skip
def test_a_bounce_is_noted_and_calls_a_person_where_it_matters(
    client: Client,
    booking: Booking,
    fields: dict[str, Any],
    status: str,
    kind: str,
    cases: list[str],
) -> None:
    job = sent(booking, MessageKind(kind))
    for _ in range(2):
        assert call(client, bounce(job, **fields)) == 200
    job.refresh_from_db()
    assert job.delivery_status == status
    assert open_cases() == cases
    notes = TimelineEvent.objects.filter(booking=booking, metadata__delivery=status)
    assert notes.count() == (status in ("bounced", "rejected", "complained"))
    assert CUSTOMER not in str([note.metadata for note in notes])


def test_a_mail_is_found_by_the_services_id_as_well(client: Client, booking: Booking) -> None:
    job = sent(booking)
    assert call(client, bounce()) == 200
    assert call(client, bounce(MessageID="another")) == 200
    job.refresh_from_db()
    assert job.delivery_status == "bounced"


def _bounce_of(postmark: httpx.Client, address: str) -> dict[str, Any]:
    """Wait for what the sandbox says of the mail to an address."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for event in postmark.get("/_sandbox/ledger").json()["mail_events"]:
            if event["payload"]["Email"] == address:
                found: dict[str, Any] = event
                return found
        time.sleep(0.05)
    raise AssertionError("the mail did not come back")


def test_what_the_sandbox_tells_of_a_mail_of_ours_is_understood(
    client: Client, booking: Booking, sandbox_url: str, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    # Its own: the address is dead there from then on.
    address = f"gone.{booking.pk}@example.com"
    Booking.objects.filter(pk=booking.pk).update(customer_email=address)
    with httpx.Client(base_url=sandbox_url) as postmark:
        postmark.post("/_sandbox/mails/bounce", json={"address": address})
        with transaction.atomic():
            outbox.enqueue_message(
                destination=Destination.MAIL,
                booking_id=booking.pk,
                version=1,
                message_kind=MessageKind.CONFIRMATION,
                recipient=address,
            )
        outbox_delivery.attempt(job_id=OutboxJob.objects.get().pk)
        event = _bounce_of(postmark, address)
    assert call(client, event["payload"]) == 200
    assert OutboxJob.objects.get().delivery_status == "bounced"
    assert open_cases() == ["MESSAGE_BOUNCED"]


def test_a_mail_that_bounces_after_all_is_not_delivered_again(
    client: Client, booking: Booking
) -> None:
    job = sent(booking)
    for event, status in (
        (delivery(job), "delivered"),
        (bounce(job), "bounced"),
        (delivery(job), "bounced"),
    ):
        assert call(client, event) == 200
        job.refresh_from_db()
        assert job.delivery_status == status


def test_another_address_settles_the_case_of_the_former(client: Client, booking: Booking) -> None:
    assert call(client, bounce(sent(booking))) == 200
    assert open_cases() == ["MESSAGE_BOUNCED"]
    Booking.objects.filter(pk=booking.pk).update(customer_email="new@example.com", version=2)
    with transaction.atomic():
        emit(
            BookingUpdated(booking_id=booking.pk, version=2, actor=SYSTEM, previous_email=CUSTOMER)
        )
    assert open_cases() == []


def test_a_former_address_that_bounces_is_nobodys_business(
    client: Client, booking: Booking
) -> None:
    job = sent(booking)
    Booking.objects.filter(pk=booking.pk).update(customer_email="new@example.com")
    assert call(client, bounce(job)) == 200
    assert open_cases() == []


def test_a_notary_whose_mail_bounces_must_be_told_by_a_person(
    client: Client, booking: Booking
) -> None:
    job = sent(booking, MessageKind.NOTARY_JOB, recipient="nora@example.com")
    assert call(client, bounce(job)) == 200
    assert open_cases() == ["MESSAGE_BOUNCED"]

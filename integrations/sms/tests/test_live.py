"""A text and the news of it between real processes: the signature is over the real address."""

from __future__ import annotations

import time

import httpx
import pytest
from django.utils import timezone

from bookings.models import TimelineEvent
from integrations import processing
from integrations.models import InboxEvent, OutboxJob
from integrations.sms.tests.test_connector import attempt, enqueue, noon_zone
from integrations.tests.cast import PHONE, make_booking
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db(transaction=True)


def test_twilio_tells_the_site_what_became_of_a_text(
    live_site: str, sandbox_url: str, catalogue: Catalogue
) -> None:
    booking = make_booking(catalogue.standard, sms_consent_at=timezone.now(), timezone=noon_zone())
    with httpx.Client(base_url=sandbox_url) as twilio:
        twilio.post("/_sandbox/sms/fail", json={"number": PHONE, "code": 30007})
        job = attempt(enqueue(booking))
        deadline = time.monotonic() + 40
        while InboxEvent.objects.count() < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        twilio.post("/_sandbox/sms/fail", json={"number": PHONE, "status": "delivered"})
    for event in InboxEvent.objects.filter(object_id=job.external_id).order_by("-received_at"):
        processing.process(inbox_id=event.pk)
    assert OutboxJob.objects.get().delivery_status == "undelivered"
    note = TimelineEvent.objects.get(booking=booking, metadata__delivery="undelivered")
    assert note.metadata["reason"] == "code 30007"

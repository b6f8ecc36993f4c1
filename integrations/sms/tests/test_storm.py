"""Many texts through every fault, on either call, with workers that die: each is there once."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from django.utils import timezone

from bookings.models import TimelineEvent
from integrations import attempts
from integrations.models import DestinationState, OutboxJob
from integrations.sms import client, mapping
from integrations.sms.tests.test_connector import attempt, enqueue, fault, noon_zone, texts, twilio
from integrations.states import MessageKind
from integrations.tests.cast import make_booking
from services.tests.fixtures import Catalogue

__all__ = ["twilio"]
pytestmark = pytest.mark.django_db

RUNS = 300 if "FAULT_FLOWS" in os.environ else 4
FAULTS = {
    "timeout_before_commit": {"ms": 900},
    "timeout_after_commit": {"ms": 900},
    "error_500": {},
    "error_500_after_commit": {},
    "error_429": {},
    "reset": {},
    "reset_after_commit": {},
    "garbage": {},
    "delay": {"ms": 50},
}


def kill_worker(job: OutboxJob, *, has_sent: bool) -> None:
    """Claim a job as a worker does that is killed before, or after, it has sent."""
    OutboxJob.objects.filter(pk=job.pk).update(run_at=timezone.now() - timedelta(seconds=1))
    claimed = attempts.claim(job_id=job.pk)
    assert claimed is not None
    if has_sent:
        booking = claimed.booking
        text = mapping.compose(kind=MessageKind(claimed.message_kind), booking=booking)
        client.send(to=claimed.recipient, body=mapping.with_stop(text, booking=booking))
    OutboxJob.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


@pytest.mark.longer
def test_whatever_happens_each_text_is_there_exactly_once(
    twilio: httpx.Client,  # noqa: F811 -- a fixture of another module
    catalogue: Catalogue,
    record_property: Callable[[str, object], None],
) -> None:
    dice, met, most = random.Random(RUNS), Counter[str](), 0
    for number in range(RUNS):
        booking = make_booking(
            catalogue.standard, sms_consent_at=timezone.now(), timezone=noon_zone()
        )
        job = enqueue(booking)
        if number % 4 == 0:
            has_sent = dice.random() < 0.5
            kill_worker(job, has_sent=has_sent)
            met["killed after sending" if has_sent else "killed before sending"] += 1
        for method in ("POST", "GET"):
            if dice.random() < 0.8:
                action = dice.choice(list(FAULTS))
                fault(twilio, action, method, **FAULTS[action])
                met[f"{action} on {method}"] += 1
        for _ in range(8):
            # Time passes: the breaker lets the next one through.
            DestinationState.objects.all().delete()
            job = attempt(job)
            if job.state not in ("READY", "RUNNING"):
                break
        most = max(most, job.attempts)
        twilio.delete("/_sandbox/faults")
        assert (job.state, len(texts(twilio, booking))) == ("SUCCEEDED", 1), (number, met)
        assert texts(twilio, booking)[0]["id"] == job.external_id
        assert TimelineEvent.objects.filter(booking=booking).count() == 1
    told = ", ".join(f"{name} {count}" for name, count in sorted(met.items()))
    record_property(
        "measured", f"SMS: {RUNS} texts, 0 violations, at most {most} attempts ({told})"
    )

"""What Proof tells is looked up, and followed: in any order, however often."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import random
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bookings.actions.meet_in_person import Meeting, meet_in_person, price_in_person
from bookings.events import IdentityCheckFailed
from bookings.models import Booking, Notary
from bookings.tests.factories import CUSTOMER
from bookings.tests.hearing import heard
from bookings.tests.remote import start_of_work
from integrations import processing
from integrations.models import ExternalRef, InboxEvent, OutboxJob
from integrations.proof import polling, reconciling
from integrations.proof.mapping import is_newer, session_of
from integrations.proof.tests.driving import (
    ADA,
    BEN,
    Outside,
    cancel,
    cases,
    done,
    name_signers,
    ref,
    upload,
)
from services.catalogue import require_service
from services.models import Service

pytestmark = pytest.mark.django_db
_serial = itertools.count()


def tell(events: Iterable[dict[str, Any]]) -> list[str]:
    """Send events as Proof does, work them off, and give what became of them."""
    states = []
    for event in events:
        body = json.dumps({"event": event["event"], "data": event["data"]}).encode()
        signature = hmac.new(b"proof_sandbox", body, hashlib.sha256).hexdigest()
        answer = Client().post(
            "/api/v2/webhooks/proof",
            body,
            content_type="application/json",
            headers={"X-Notarize-Signature": signature},
        )
        assert answer.status_code == 200, answer.content
        row = InboxEvent.objects.get(event_id=hashlib.sha256(body).hexdigest())
        InboxEvent.objects.filter(pk=row.pk).update(run_at=timezone.now() - timedelta(seconds=1))
        processing.process(inbox_id=row.pk)
        row.refresh_from_db()
        states.append(row.state)
    return states


def made_up(name: str, kind: str) -> dict[str, Any]:
    """Give an event of our own writing about a transaction."""
    data = {"transaction_id": name, "date_occurred": f"2026-11-24T12:00:00.{next(_serial):06d}Z"}
    return {"event": kind, "data": data}


@pytest.fixture
def sent(outside: Outside, booking: Booking) -> str:
    """A session whose signers were invited."""
    upload(booking)
    name_signers(booking, ADA, BEN)
    done(outside, booking)
    booking.refresh_from_db()
    return ref(booking).external_id


def outcome(booking: Booking) -> dict[str, Any]:
    booking.refresh_from_db()
    return {
        "status": booking.status,
        "session": (booking.ron_status, booking.ron_join_url),
        "timeline": list(
            booking.timeline.filter(action__in=["started", "completed"])
            .order_by("id")
            .values_list("action", "actor_type", "actor_id")
        ),
        "kept": sorted(
            ExternalRef.objects.filter(
                booking=booking, kind__in=["transaction", "record", "recording"]
            ).values_list("kind", "status")
        ),
        "cases": cases(booking),
    }


def test_a_session_that_takes_place_starts_and_completes_the_booking(
    outside: Outside, booking: Booking, sent: str
) -> None:
    outside.play(sent, "view")
    outside.play(sent, "start", force=True)
    tell([made_up(sent, "transaction.meeting.created")])
    booking.refresh_from_db()
    assert (booking.status, booking.ron_status) == ("IN_PROGRESS", "in_progress")
    assert booking.ron_join_url
    outside.play(sent, "complete")
    tell([made_up(sent, "transaction.completed")])
    booking.refresh_from_db()
    assert (booking.status, booking.ron_status, booking.ron_join_url) == (
        "COMPLETED",
        "completed",
        "",
    )
    assert ref(booking, "record").external_id.startswith("me_")
    proved = ExternalRef.objects.filter(booking=booking, kind="identity")
    assert [one.status for one in proved] == ["credential_analysis pass, kba pass"] * 2
    assert not ExternalRef.objects.filter(kind="recording").exists()
    outside.process()
    tell([made_up(sent, "transaction.meeting.video.processed")])
    recording = ref(booking, "recording")
    assert (recording.status, len(recording.written_hash)) == ("1048576 bytes", 64)
    done(outside, booking)
    assert outcome(booking)["cases"] == []


@pytest.mark.parametrize("seed", range(2))
def test_told_in_any_order_and_twice_it_ends_the_same(
    outside: Outside, booking: Booking, sent: str, seed: int
) -> None:
    """The order decides nothing: each event only makes us look."""
    outside.play(sent, "start", force=True)
    outside.play(sent, "complete")
    outside.process()
    events = outside.events(sent) * 2
    random.Random(seed).shuffle(events)  # noqa: S311 -- an order to repeat, no secret
    assert set(tell(events)) == {"DONE"}
    assert outcome(booking) == {
        "status": "COMPLETED",
        "session": ("completed", ""),
        "timeline": [("started", "provider", "proof"), ("completed", "provider", "proof")],
        "kept": [
            ("record", ""),
            ("recording", "1048576 bytes"),
            ("transaction", "complete"),
        ],
        "cases": [],
    }


def test_an_answer_fetched_earlier_sets_nothing_back() -> None:
    way = ["", "draft", "sent_to_signer", "viewed", "meeting_in_progress", "complete"]
    for earlier, later in itertools.combinations(way, 2):
        assert is_newer(later, than=earlier)
        if earlier and session_of(earlier) != session_of(later):
            assert not is_newer(earlier, than=later)
    assert not is_newer("recalled", than="complete")
    assert session_of("something_new") == "in_progress"


@pytest.mark.parametrize(
    ("step", "session", "kind"),
    [
        ("decline", "declined", "OUTSIDE_CHANGE"),
        ("expire", "expired", "OUTSIDE_MISMATCH"),
    ],
)
def test_a_session_that_ends_otherwise_calls_a_person_once(
    outside: Outside, booking: Booking, sent: str, step: str, session: str, kind: str
) -> None:
    outside.play(sent, step)
    tell(outside.events(sent) * 2)
    booking.refresh_from_db()
    assert (booking.status, booking.ron_status) == ("CONFIRMED", session)
    assert [one for one, _ in cases(booking)] == [kind]


def test_rejected_documents_complete_the_booking_and_call_a_person(
    outside: Outside, booking: Booking, sent: str
) -> None:
    outside.play(sent, "start", force=True)
    outside.play(sent, "complete_with_rejections")
    tell([made_up(sent, "transaction.completed_with_rejection")])
    booking.refresh_from_db()
    assert (booking.status, booking.ron_status) == ("COMPLETED", "completed_with_rejections")
    assert [kind for kind, _ in cases(booking)] == ["OUTSIDE_CHANGE"]


@pytest.mark.parametrize(("method", "path"), [("POST", "/recall"), ("DELETE", "")])
def test_what_is_taken_back_by_hand_calls_a_person(
    outside: Outside, booking: Booking, sent: str, method: str, path: str
) -> None:
    headers = {"ApiKey": "prf_test_sandbox"}
    by_hand = outside.web.request(method, f"/proof/v1/transactions/{sent}{path}", headers=headers)
    assert by_hand.status_code == 200
    tell(outside.events(sent) * 2)
    assert [kind for kind, _ in cases(booking)] == ["OUTSIDE_CHANGE"]


def test_our_own_recall_is_no_news(outside: Outside, booking: Booking, sent: str) -> None:
    cancel(booking)
    done(outside, booking)
    assert set(tell(outside.events(sent))) == {"DONE"}
    assert cases(booking) == []
    booking.refresh_from_db()
    assert booking.ron_status == "closed"


def test_who_fails_the_identity_questions_is_told_once_and_a_person_called(
    outside: Outside, booking: Booking, sent: str
) -> None:
    outside.play(sent, "fail_kba")
    with heard(IdentityCheckFailed) as facts:
        tell(outside.events(sent) * 2)
    assert len(facts) == 1
    booking.refresh_from_db()
    assert (booking.status, booking.ron_status, booking.ron_join_url) == (
        "CONFIRMED",
        "identity_failed",
        "",
    )
    assert [kind for kind, _ in cases(booking)] == ["KBA_FAILED"]


def test_what_is_not_ours_is_ignored_and_what_may_be_is_parked(
    outside: Outside, booking: Booking
) -> None:
    headers = {"ApiKey": "prf_test_sandbox"}

    def make(external_id: str) -> str:
        body = {"draft": True, "external_id": external_id, "signer": {"email": "a@x.com"}}
        made = outside.web.post("/proof/v1/transactions", json=body, headers=headers).json()
        return str(made["id"])

    by_hand = make("walk-in 7")
    unwritten = make(str(booking.pk))
    assert tell([made_up(by_hand, "transaction.completed")]) == ["IGNORED"]
    assert tell([made_up("ot_gone", "transaction.deleted")]) == ["IGNORED"]
    assert tell([{"event": "notary.created", "data": {}}]) == ["IGNORED"]
    assert tell([made_up(unwritten, "transaction.created")]) == ["PARKED"]
    booking.refresh_from_db()
    assert (booking.status, booking.ron_status) == ("CONFIRMED", "")


def test_the_poll_finds_what_no_webhook_told(outside: Outside, booking: Booking, sent: str) -> None:
    assert polling.poll(now=timezone.now()) == 0
    outside.play(sent, "start", force=True)
    outside.play(sent, "complete")
    outside.process()
    assert polling.poll(now=booking.starts_at) == 1
    found = outcome(booking)
    assert (found["status"], found["session"]) == ("COMPLETED", ("completed", ""))
    assert ("recording", "1048576 bytes") in found["kept"]
    assert polling.poll(now=booking.ends_at) == 0


def test_the_comparison_tells_what_differs(outside: Outside, booking: Booking, sent: str) -> None:
    now = timezone.now()

    def told() -> list[tuple[str, str]]:
        found = [one for one in reconciling.differences(now=now) if one.booking_id == booking.pk]
        return [(one.what, one.repair.value) for one in found]

    assert told() == []
    headers = {"ApiKey": "prf_test_sandbox"}
    body = {"draft": True, "external_id": str(booking.pk), "signer": {"email": "a@x.com"}}
    outside.web.post("/proof/v1/transactions", json=body, headers=headers).raise_for_status()
    assert told() == [("a second open session", "resync")]
    Booking.objects.filter(pk=booking.pk).update(status="CANCELLED")
    assert ("an open session, but the booking is CANCELLED", "resync") in told()
    Booking.objects.filter(pk=booking.pk).update(
        status="CONFIRMED", starts_at=booking.starts_at + timedelta(minutes=5)
    )
    assert ("other times or signers than the booking", "resync") in told()
    Booking.objects.filter(pk=booking.pk).update(starts_at=booking.starts_at)
    outside.play(sent, "start", force=True)
    outside.play(sent, "complete")
    assert ("completed there, but not here", "resync") in told()


def test_an_appointment_in_person_closes_the_session_that_failed(
    outside: Outside, booking: Booking, sent: str
) -> None:
    outside.play(sent, "fail_kba")
    tell(outside.events(sent))
    Notary.objects.get().skills.add(Service.objects.get(slug="extended-hours"))
    extended = require_service(id_or_slug="extended-hours")
    wish = Meeting(
        service=extended,
        starts_at=start_of_work(hour=15),
        street="1 Main St",
        unit="",
        city="League City",
        state="TX",
        zip_code="77573",
    )
    now = timezone.now()
    _, pricing = price_in_person(
        booking=Booking.objects.get(pk=booking.pk),
        service=extended,
        starts_at=wish.starts_at,
        zip_code=wish.zip_code,
        now=now,
    )
    meet_in_person(
        booking_id=booking.pk,
        meeting=wish,
        expected_cents=pricing.final_price_cents,
        actor=CUSTOMER,
        now=now,
    )
    done(outside, booking)
    assert [one["detailed_status"] for one in outside.held(booking)] == ["recalled"]
    tell(outside.events(sent))
    assert cases(booking) == [
        (
            "KBA_FAILED",
            "A signer failed the identity questions of the online session. The customer is "
            "offered an appointment in person, with what was paid carried over.",
        )
    ]
    assert cases(booking, closed_at=None) == []
    mails = OutboxJob.objects.filter(booking=booking, destination="mail")
    assert "identity_failed" in set(mails.values_list("message_kind", flat=True))

"""Proof holds what the booking is: a draft, an invitation, another one after a move, or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db import transaction
from django.utils import timezone

from bookings.actions.delete_document import delete_document
from bookings.actions.record_payment import record_payment
from bookings.models import Booking
from bookings.tests.factories import CUSTOMER
from bookings.tests.remote import remote_booking, start_of_work
from integrations.handlers import on_fact
from integrations.models import ExternalRef, OutboxJob
from integrations.proof import client, holdings
from integrations.proof.tests.driving import (
    ADA,
    BEN,
    Outside,
    cancel,
    cases,
    done,
    equals,
    move,
    name_signers,
    ref,
    sync,
    upload,
)
from payments.events import PaymentSettled

pytestmark = pytest.mark.django_db


def invite(outside: Outside, booking: Booking) -> dict[str, Any]:
    """Give everything and let the signers be invited."""
    upload(booking)
    name_signers(booking, ADA, BEN)
    done(outside, booking)
    one = equals(outside, booking)
    assert one["detailed_status"] == "sent_to_signer"
    return one


def test_a_draft_waits_for_documents_and_signers_then_all_are_invited(
    outside: Outside, booking: Booking
) -> None:
    done(outside, booking)
    draft = equals(outside, booking)
    assert (draft["detailed_status"], len(draft["documents"])) == ("draft", 0)
    booking.refresh_from_db()
    assert (booking.ron_status, booking.ron_join_url) == ("preparing", "")
    upload(booking)
    done(outside, booking)
    assert equals(outside, booking)["detailed_status"] == "draft"
    name_signers(booking, ADA, BEN)
    done(outside, booking)
    sent = equals(outside, booking)
    assert (sent["id"], sent["detailed_status"]) == (draft["id"], "sent_to_signer")
    assert (sent["signers"][0]["first_name"], sent["signers"][0]["last_name"]) == (
        "Ada Ann",
        "Signer",
    )
    booking.refresh_from_db()
    assert booking.ron_status == "ready"
    assert booking.ron_join_url == sent["signers"][0]["transaction_access_link"]
    links = ExternalRef.objects.filter(booking=booking, kind="signer_link").order_by("container")
    assert [one.external_id for one in links] == [
        one["transaction_access_link"] for one in sent["signers"]
    ]
    assert ref(booking).version == booking.version


def test_waiting_for_the_documents_costs_no_attempt(outside: Outside, booking: Booking) -> None:
    invite(outside, booking)
    job = OutboxJob.objects.filter(destination="proof", state="SUCCEEDED").latest("version")
    assert job.attempts == 1


def test_nobody_is_invited_before_everything_is_paid(outside: Outside, booking: Booking) -> None:
    upload(booking)
    name_signers(booking, ADA, BEN)
    Booking.objects.filter(pk=booking.pk).update(price_cents=booking.price_cents + 1)
    done(outside, booking)
    assert equals(outside, booking)["detailed_status"] == "draft"
    booking.refresh_from_db()
    with transaction.atomic():
        locked = Booking.objects.select_for_update().get(pk=booking.pk)
        record_payment(
            booking=locked,
            claim=None,
            payment_id=None,
            amount_cents=1,
            kind="BALANCE",
            actor=CUSTOMER,
            now=timezone.now(),
        )
        # The books want a payment of their own; only what follows here is of interest.
        on_fact(
            PaymentSettled(
                payment_id=uuid4(), booking_id=booking.pk, amount_cents=1, kind="BALANCE"
            )
        )
    done(outside, booking)
    assert equals(outside, booking)["detailed_status"] == "sent_to_signer"


def test_a_move_recalls_what_was_sent_and_invites_anew(outside: Outside, booking: Booking) -> None:
    first = invite(outside, booking)
    move(booking, hour=13)
    done(outside, booking)
    second = equals(outside, booking)
    assert second["id"] != first["id"]
    assert second["detailed_status"] == "sent_to_signer"
    assert [one["detailed_status"] for one in outside.held(booking)] == [
        "recalled",
        "sent_to_signer",
    ]


def test_a_move_before_the_invitation_only_edits_the_draft(
    outside: Outside, booking: Booking
) -> None:
    done(outside, booking)
    move(booking, hour=13)
    done(outside, booking)
    equals(outside, booking)
    assert len(outside.held(booking)) == 1


def test_a_document_taken_back_leaves_with_its_draft(outside: Outside, booking: Booking) -> None:
    wrong = upload(booking, "wrong.pdf")
    done(outside, booking)
    delete_document(booking_id=booking.pk, document_id=wrong.pk, actor=CUSTOMER, now=timezone.now())
    upload(booking, "right.pdf")
    done(outside, booking)
    (document,) = equals(outside, booking)["documents"]
    assert document["document_name"] == "right.pdf"
    name_signers(booking, ADA, BEN)
    done(outside, booking)
    upload(booking, "one_more.pdf")
    done(outside, booking)
    assert len(equals(outside, booking)["documents"]) == 2


@pytest.mark.parametrize(("is_invited", "status"), [(False, "deleted"), (True, "recalled")])
def test_a_cancelled_booking_has_no_open_session(
    outside: Outside, booking: Booking, is_invited: bool, status: str
) -> None:
    if is_invited:
        invite(outside, booking)
    else:
        done(outside, booking)
    cancel(booking)
    done(outside, booking)
    (one,) = outside.held(booking)
    assert one["detailed_status"] == status
    booking.refresh_from_db()
    assert (booking.ron_status, booking.ron_join_url) == ("closed", "")
    assert cases(booking) == []


def test_a_session_under_way_is_not_torn_down_but_tried_again(
    outside: Outside, booking: Booking
) -> None:
    name = invite(outside, booking)["id"]
    outside.play(name, "start", force=True)
    cancel(booking)
    job = sync(outside, booking, tries=1)
    assert job is not None
    assert (job.state, job.last_error) == (
        "READY",
        "a session is going on, and cannot be taken back now",
    )
    outside.play(name, "complete")
    done(outside, booking)
    assert cases(booking) == [
        ("OUTSIDE_MISMATCH", "The online session was completed, but the booking is CANCELLED.")
    ]


def test_a_document_proof_cannot_read_calls_a_person(outside: Outside, booking: Booking) -> None:
    outside.post("/proof", {"processing_fails": True})
    upload(booking)
    name_signers(booking, ADA, BEN)
    job = sync(outside, booking)
    outside.post("/proof", {"processing_fails": False})
    assert job is not None
    assert (job.state, job.last_error) == ("DEAD", "cannot read one of the documents")
    assert [kind for kind, _ in cases(booking)] == ["INTEGRATION_DEAD"]


def test_a_twin_that_arrived_late_is_taken_back(outside: Outside, booking: Booking) -> None:
    done(outside, booking)
    twin = outside.web.post(
        "/proof/v1/transactions",
        headers={"ApiKey": "prf_test_sandbox"},
        json={"draft": True, "external_id": str(booking.pk), "signer": {"email": "a@x.com"}},
    ).json()["id"]
    holdings.note_twin(booking_id=booking.pk, transaction_id=twin)
    upload(booking)
    done(outside, booking)
    assert equals(outside, booking)["id"] != twin


CALLS = {
    "create": ("POST", "^/proof/v1/transactions$"),
    "list": ("GET", "^/proof/v1/transactions$"),
    "read": ("GET", "^/proof/v1/transactions/[^/]+$"),
    "edit": ("PATCH", "^/proof/v1/transactions/[^/]+$"),
    "document": ("POST", "^/proof/v1/transactions/[^/]+/documents$"),
    "activate": ("POST", "^/proof/v1/transactions/[^/]+/notarization_ready$"),
    "recall": ("POST", "^/proof/v1/transactions/[^/]+/recall$"),
    "delete": ("DELETE", "^/proof/v1/transactions/[^/]+$"),
}
ACTIONS = (
    "delay",
    "timeout_before_commit",
    "timeout_after_commit",
    "error_500",
    "error_500_after_commit",
    "error_429",
    "reset",
    "reset_after_commit",
    "garbage",
)
# By day the calls and faults that leave the most doubt; by night every one at every call.
BY_DAY = [
    ("create", "timeout_after_commit"),
    ("document", "reset_after_commit"),
    ("activate", "garbage"),
    ("recall", "error_500_after_commit"),
]
BY_NIGHT = [(call, action) for call in CALLS for action in ACTIONS]


def _delete_first_document(booking: Booking) -> None:
    document = booking.files.filter(status="STORED").earliest("uploaded_at")
    delete_document(
        booking_id=booking.pk, document_id=document.pk, actor=CUSTOMER, now=timezone.now()
    )


STORY: tuple[Callable[[Booking], object], ...] = (
    lambda booking: None,  # the draft
    lambda booking: upload(booking, "first.pdf"),
    _delete_first_document,
    lambda booking: upload(booking, "second.pdf"),
    lambda booking: name_signers(booking, ADA, BEN),
    lambda booking: move(booking, hour=14),
)


@pytest.mark.longer
@pytest.mark.parametrize(("call", "action"), BY_NIGHT if "FAULT_FLOWS" in os.environ else BY_DAY)
def test_whatever_goes_wrong_there_is_one_session_equal_to_the_booking(
    outside: Outside,
    booking: Booking,
    call: str,
    action: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every fault at every call, once: after each step of a booking's life all is as it was."""
    method, path = CALLS[call]
    if action.startswith("timeout"):
        monkeypatch.setattr(client, "TIMEOUT", httpx.Timeout(0.5))
    if call == "list":
        # It is only listed after a making whose end nobody knows.
        outside.fault("reset_after_commit", method="POST", path=CALLS["create"][1])
    outside.fault(action, method=method, path=path, ms=100 if action == "delay" else 2_000)
    for step in STORY:
        step(booking)
        done(outside, booking)
        equals(outside, booking)
    assert outside.faults_left() == 0
    assert equals(outside, booking)["detailed_status"] == "sent_to_signer"
    cancel(booking)
    done(outside, booking)
    assert outside.live(booking) == []
    assert cases(booking) == []


def test_a_mobile_booking_is_nothing_to_proof(outside: Outside, booking: Booking) -> None:
    mobile = remote_booking(
        slug="standard-notary", zip_code="77573", starts_at=start_of_work(hour=15)
    )
    assert sync(outside, mobile) is None
    assert outside.held(mobile) == []
